// The raters' page: one file with style and script inside, clips beside it. Works from a folder (answers are kept in the browser and saved as
// a file) and from `kinora evaluate study serve` (every answer is sent at once).

using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Kinora.Evaluation.Studies;

/// <summary>Writes the page.</summary>
public static class StudyPage
{
    /// <summary>Reasons for a preference in quality.</summary>
    public static IReadOnlyList<string> QualityReasons { get; } = ["pixel sharpness", "motion smoothness", "recognizable objects", "frame consistency", "amount of motion"];

    /// <summary>Reasons for a preference in faithfulness.</summary>
    public static IReadOnlyList<string> FaithfulnessReasons { get; } = ["spatial alignment", "temporal alignment"];

    /// <summary>The page of a study.</summary>
    public static string Write(StudyManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        // The default encoder escapes <, > and &, so no text can end the script element.
        string data = JsonSerializer.Serialize(manifest, StudyJson.Default.StudyManifest);
        return $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{WebUtility.HtmlEncode(manifest.Title)}</title>\n<style>{Style}</style></head>\n<body><main>\n<h1>{WebUtility.HtmlEncode(manifest.Title)}</h1>\n{Body}</main>\n<script type=\"application/json\" id=\"study\">{data}</script>\n<script>\nconst QUALITY={List(QualityReasons)},FAITHFULNESS={List(FaithfulnessReasons)};\n{Script}</script>\n</body></html>\n";
    }

    private static string List(IReadOnlyList<string> words) => "[" + string.Join(',', words.Select(w => $"\"{JavaScriptEncoder.Default.Encode(w)}\"")) + "]";

    private const string Body = """
        <section id="start"><p>You will see pairs of clips that were made for the same words. For each pair say which clip looks better, and which shows the words better. There are no right answers; look at the clips at least once to the end.</p>
        <p>Keys: <kbd>1</kbd> left, <kbd>2</kbd> no difference, <kbd>3</kbd> right, <kbd>Enter</kbd> next, <kbd>B</kbd> back, <kbd>R</kbd> from the beginning.</p>
        <form id="who"><label>Your name or number <input id="rater" required maxlength="60" autocomplete="off"></label> <button>Begin</button><p id="refused" role="alert"></p></form></section>
        <section id="rate" hidden><div class="bar top"><span id="count"></span><progress id="progress" max="1" value="0"></progress></div>
        <p id="prompt"></p>
        <div class="pair"><figure><video id="left" muted playsinline preload="auto"></video><figcaption>left</figcaption></figure><figure><video id="right" muted playsinline preload="auto"></video><figcaption>right</figcaption></figure></div>
        <div class="questions"><fieldset id="quality"><legend>Which clip looks better?</legend></fieldset>
        <fieldset id="faithfulness"><legend>Which clip shows the words better?</legend></fieldset></div>
        <div class="bar"><button id="back" type="button">Back</button><button id="again" type="button">Play again</button><button id="next" type="button" disabled>Next</button><span id="state" role="status"></span></div></section>
        <section id="end" hidden><p>Thank you. <span id="sent"></span></p><div class="bar"><button id="revise" type="button">Back to the last pair</button><button id="save" type="button">Save the answers as a file</button></div></section>

        """;

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--accent:#2459c4;--bad:#a3261c}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--accent:#7fa8ff;--bad:#ff9e93}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}main{max-width:1000px;margin:0 auto;padding:1.25rem 1.25rem 3rem}h1{font-size:1.4rem;margin:0 0 .6rem}
        #prompt{font-size:1.2rem;text-align:center;margin:.6rem 0;overflow-wrap:anywhere}.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}figure{margin:0;text-align:center}video{width:100%;max-height:55vh;aspect-ratio:var(--aspect,1);object-fit:contain;background:#000;border-radius:8px;display:block}figcaption{color:var(--soft)}
        .questions{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem;margin-top:.6rem}fieldset{border:1px solid var(--line);border-radius:10px;margin:0;padding:.5rem 1rem .9rem;min-width:0}fieldset.current{border-color:var(--accent)}legend{padding:0 .4rem}.choices,.reasons{display:flex;flex-wrap:wrap;gap:.5rem}.reasons{margin-top:.6rem;font-size:.9rem;gap:.3rem .9rem}
        button{font:inherit;padding:.4rem 1.1rem;border:1px solid var(--line);border-radius:99px;background:var(--panel);color:inherit;cursor:pointer}.choices button{padding:.4rem .9rem}button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);font-weight:600}button:disabled{opacity:.45;cursor:default}button:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
        .bar{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;margin-top:1rem}.bar.top{margin-top:0}progress{flex:1;accent-color:var(--accent)}kbd{border:1px solid var(--line);border-radius:4px;padding:0 .35rem}input{font:inherit;padding:.35rem .6rem}input[type=checkbox]{accent-color:var(--accent)}#refused,#state{color:var(--bad)}[hidden]{display:none!important}
        @media(max-width:560px){main{padding:.8rem .8rem 2rem}.pair{gap:.5rem}#prompt{font-size:1.05rem}}
        """;

    private const string Script = """
        const study=JSON.parse(document.getElementById('study').textContent),$=id=>document.getElementById(id),served=location.protocol.startsWith('http');
        const clips=['left','right'].map($),LARGEST_LAG=0.05;
        let rater='',order=[],at=0,shown=0,current={},answers=new Map(),asked='quality',pending=new Map(),sending=null,playing=0;

        // --- What is kept: in this browser, in the file, at the server ---
        const fnv=text=>{let h=14695981039346656037n;for(const b of new TextEncoder().encode(text))h=((h^BigInt(b))*1099511628211n)&0xffffffffffffffffn;return h.toString(16).padStart(16,'0')};
        const sum=list=>fnv([study.signature,rater,...list.map(a=>[a.item,a.quality,a.quality_reasons.join(','),a.faithfulness,a.faithfulness_reasons.join(','),Math.round(a.milliseconds)].join('|'))].join('\n'));
        const kept=(key,value)=>{try{if(value!==undefined)localStorage.setItem(study.signature+key,JSON.stringify(value));return JSON.parse(localStorage.getItem(study.signature+key))}catch{return null}};
        // Tells two people who choose one name apart; says nothing about either.
        const browser=kept('browser')||kept('browser',[...crypto.getRandomValues(new Uint8Array(8))].map(b=>b.toString(16).padStart(2,'0')).join(''))||'none';
        const file=list=>({schema:'kinora-study-answers/1',study:study.signature,rater,answers:list,checksum:sum(list),browser});
        const post=list=>fetch('answers',{method:'POST',headers:{'Content-Type':'application/json'},body:JSON.stringify(file(list))});
        const send=async()=>{
          while(pending.size){
            const [item,answer]=pending.entries().next().value;
            try{const r=await post([answer]);if(!r.ok)throw new Error(await r.text());if(pending.get(item)===answer)pending.delete(item);$('state').textContent=''}
            catch(e){$('state').textContent='Not sent yet, trying again: '+e.message;await new Promise(f=>setTimeout(f,1000))}
          }
        };
        const flush=()=>sending??=send().finally(()=>{sending=null});

        // --- Two clips, one clock: both start together, the one ahead waits, both begin again when both have ended ---
        const restart=async()=>{
          const mine=++playing;
          for(const c of clips){c.pause();c.currentTime=0}
          while(clips.some(c=>c.seeking||c.readyState<3)){await new Promise(f=>setTimeout(f,5));if(mine!==playing)return}
          await Promise.all(clips.map(c=>c.play())).catch(()=>{});
        };
        const together=()=>{
          const [l,r]=clips;
          if(l.ended&&r.ended)restart();
          else if(!l.ended&&!r.ended&&!l.seeking&&!r.seeking){
            const lag=l.currentTime-r.currentTime,[ahead,behind]=lag>0?[l,r]:[r,l];
            if(Math.abs(lag)>LARGEST_LAG&&!ahead.paused&&!behind.paused)ahead.pause();
            else if(Math.abs(lag)<LARGEST_LAG/4)for(const c of clips)if(c.paused&&!clips.every(x=>x.paused))c.play().catch(()=>{});
          }
          requestAnimationFrame(together);
        };

        // --- The questions ---
        const ticked=id=>[...$(id).querySelectorAll('input:checked')].map(i=>i.value);
        const build=(id,reasons)=>{
          const c=document.createElement('div'),r=document.createElement('div');c.className='choices';r.className='reasons';
          for(const [v,t] of [['left','Left'],['tie','No difference'],['right','Right']]){const b=document.createElement('button');b.type='button';b.textContent=t;b.dataset.choice=v;b.onclick=()=>choose(id,v);c.append(b)}
          for(const t of reasons){const l=document.createElement('label'),i=document.createElement('input');i.type='checkbox';i.value=t;l.append(i,' '+t);r.append(l)}
          $(id).append(c,r);
        };
        const mark=()=>{
          for(const id of ['quality','faithfulness']){$(id).classList.toggle('current',id===asked);for(const b of $(id).querySelectorAll('[data-choice]'))b.setAttribute('aria-pressed',String(b.dataset.choice===current[id]))}
          $('next').disabled=!(current.quality&&current.faithfulness);
        };
        const choose=(id,v)=>{current[id]=v;if(id==='quality'&&!current.faithfulness)asked='faithfulness';mark()};

        // --- From pair to pair ---
        // The order of a rater follows from the study and the name, so that a reload continues where it stopped.
        const shuffled=list=>{let s=BigInt('0x'+fnv(study.signature+rater)),o=[...list];for(let i=o.length-1;i>0;i--){s=(s*6364136223846793005n+1442695040888963407n)&0xffffffffffffffffn;const j=Number((s>>33n)%BigInt(i+1));[o[i],o[j]]=[o[j],o[i]]}return o};
        const show=()=>{
          const done=at>=order.length;
          $('rate').hidden=done;$('end').hidden=!done;
          if(done)return finish();
          const item=order[at],before=answers.get(item.id);
          current={quality:before?.quality,faithfulness:before?.faithfulness};asked='quality';
          $('prompt').textContent=item.prompt;$('count').textContent=(at+1)+' of '+order.length;$('progress').value=at/order.length;$('back').disabled=at===0;
          for(const id of ['quality','faithfulness'])for(const i of $(id).querySelectorAll('input'))i.checked=!!before?.[id+'_reasons'].includes(i.value);
          mark();shown=performance.now();
          clips[0].onloadedmetadata=()=>document.documentElement.style.setProperty('--aspect',clips[0].videoWidth/clips[0].videoHeight);
          clips[0].src=item.left;clips[1].src=item.right;
          restart().then(()=>{if(order[at]===item)shown=performance.now()});
        };
        const next=()=>{
          if($('next').disabled)return;
          const item=order[at].id,a={item,quality:current.quality,quality_reasons:ticked('quality'),faithfulness:current.faithfulness,faithfulness_reasons:ticked('faithfulness'),milliseconds:Math.round(performance.now()-shown+(answers.get(item)?.milliseconds||0))};
          answers.set(item,a);kept('/'+rater,[...answers.values()]);
          if(served){pending.set(item,a);flush()}
          at++;show();
        };
        const back=()=>{if(at>0){at--;show()}};
        const finish=async()=>{
          playing++;for(const c of clips){c.pause();c.removeAttribute('src');c.load()}
          $('sent').textContent=served?'Sending the answers …':'Save the file and send it to whoever asked you.';
          if(served){while(pending.size)await flush();if(at>=order.length)$('sent').textContent='All answers have been received.'}
        };
        $('who').onsubmit=async e=>{
          e.preventDefault();rater=$('rater').value.trim();if(!rater)return;
          if(served){try{const r=await post([]);if(!r.ok){$('refused').textContent=await r.text();return}}catch{}}
          kept('rater',rater);answers=new Map((kept('/'+rater)||[]).map(a=>[a.item,a]));order=shuffled(study.items);
          at=order.findIndex(i=>!answers.has(i.id));if(at<0)at=order.length;
          if(served){pending=new Map(answers);flush()}
          $('start').hidden=true;show();
        };
        $('save').onclick=()=>{const a=document.createElement('a');a.href=URL.createObjectURL(new Blob([JSON.stringify(file([...answers.values()]),null,1)],{type:'application/json'}));a.download='answers-'+rater.replace(/[^A-Za-z0-9_-]/g,'_')+'.json';a.click()};
        $('next').onclick=next;$('back').onclick=$('revise').onclick=back;$('again').onclick=restart;
        addEventListener('keydown',e=>{
          if($('rate').hidden||e.ctrlKey||e.metaKey||e.altKey)return;
          const v={1:'left',2:'tie',3:'right'}[e.key];
          if(v)choose(asked,v);else if(e.key==='Enter'&&!(e.target.id&&e.target.tagName==='BUTTON'))next();else if(/^b$/i.test(e.key))back();else if(/^r$/i.test(e.key))restart();else return;
          e.preventDefault();
        });
        build('quality',QUALITY);build('faithfulness',FAITHFULNESS);$('rater').value=kept('rater')||'';requestAnimationFrame(together);
        """;
}
