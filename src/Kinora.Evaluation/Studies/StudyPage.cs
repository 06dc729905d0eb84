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
        <p>Keys: <kbd>1</kbd> left, <kbd>2</kbd> no difference, <kbd>3</kbd> right, <kbd>Enter</kbd> next, <kbd>R</kbd> from the beginning.</p>
        <form id="who"><label>Your name or number <input id="rater" required maxlength="60" autocomplete="off"></label> <button>Begin</button></form></section>
        <section id="rate" hidden><div class="bar"><span id="count"></span><progress id="progress" max="1" value="0"></progress></div>
        <p id="prompt"></p>
        <div class="pair"><figure><video id="left" muted playsinline preload="auto"></video><figcaption>left</figcaption></figure><figure><video id="right" muted playsinline preload="auto"></video><figcaption>right</figcaption></figure></div>
        <fieldset id="quality"><legend>Which clip looks better?</legend></fieldset>
        <fieldset id="faithfulness"><legend>Which clip shows the words better?</legend></fieldset>
        <div class="bar"><button id="again" type="button">From the beginning</button><button id="next" type="button" disabled>Next</button><span id="state" role="status"></span></div></section>
        <section id="end" hidden><p>Thank you. <span id="sent"></span></p><button id="save" type="button">Save the answers as a file</button></section>

        """;

    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5d6672;--line:#d9dee4;--panel:#f5f7f9;--accent:#2459c4}
        @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--soft:#98a2ae;--line:#2d333b;--panel:#1c2026;--accent:#7fa8ff}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}main{max-width:1000px;margin:0 auto;padding:1.5rem 1.25rem 4rem}h1{font-size:1.5rem;margin:0 0 1rem}
        #prompt{font-size:1.2rem;text-align:center;margin:.8rem 0}.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}figure{margin:0}video{width:100%;aspect-ratio:var(--aspect,1);object-fit:contain;background:#000;border-radius:8px;display:block}figcaption{text-align:center;color:var(--soft)}
        fieldset{border:1px solid var(--line);border-radius:10px;margin:1rem 0 0;padding:.6rem 1rem .9rem}fieldset.current{border-color:var(--accent)}legend{padding:0 .4rem}.choices,.reasons{display:flex;flex-wrap:wrap;gap:.5rem}.reasons{margin-top:.6rem;font-size:.9rem}
        button{font:inherit;padding:.4rem 1.1rem;border:1px solid var(--line);border-radius:99px;background:var(--panel);color:inherit;cursor:pointer}button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);font-weight:600}button:disabled{opacity:.45;cursor:default}
        .bar{display:flex;gap:1rem;align-items:center;margin-top:1rem}progress{flex:1}kbd{border:1px solid var(--line);border-radius:4px;padding:0 .35rem}input{font:inherit;padding:.35rem .6rem}[hidden]{display:none!important}
        """;

    private const string Script = """
        const study=JSON.parse(document.getElementById('study').textContent),$=id=>document.getElementById(id),served=location.protocol.startsWith('http');
        let rater='',order=[],at=0,shown=0,current={},answers=[],asked='quality',pending=[];
        const fnv=text=>{let h=14695981039346656037n;for(const b of new TextEncoder().encode(text))h=((h^BigInt(b))*1099511628211n)&0xffffffffffffffffn;return h.toString(16).padStart(16,'0')};
        const sum=list=>fnv([study.signature,rater,...list.map(a=>[a.item,a.quality,a.quality_reasons.join(','),a.faithfulness,a.faithfulness_reasons.join(','),Math.round(a.milliseconds)].join('|'))].join('\n'));
        const file=list=>({schema:'kinora-study-answers/1',study:study.signature,rater,answers:list,checksum:sum(list)});
        // The order of a rater follows from the study and the name, so that a reload continues where it stopped.
        const shuffled=list=>{let s=BigInt('0x'+fnv(study.signature+rater)),o=[...list];for(let i=o.length-1;i>0;i--){s=(s*6364136223846793005n+1442695040888963407n)&0xffffffffffffffffn;const j=Number((s>>33n)%BigInt(i+1));[o[i],o[j]]=[o[j],o[i]]}return o};
        const store=()=>{try{localStorage.setItem(study.signature+rater,JSON.stringify(answers))}catch{}};
        const restore=()=>{try{return JSON.parse(localStorage.getItem(study.signature+rater)||'[]')}catch{return[]}};
        const send=async()=>{while(pending.length){try{const r=await fetch('answers',{method:'POST',headers:{'Content-Type':'application/json'},body:JSON.stringify(file([pending[0]]))});if(!r.ok)throw new Error(await r.text());pending.shift();$('state').textContent=''}catch(e){$('state').textContent='not sent yet, trying again: '+e.message;await new Promise(f=>setTimeout(f,2000))}}};
        let sending=Promise.resolve();
        const build=(id,reasons)=>{const f=$(id),c=document.createElement('div'),r=document.createElement('div');c.className='choices';r.className='reasons';for(const [v,t] of [['left','Left'],['tie','No difference'],['right','Right']]){const b=document.createElement('button');b.type='button';b.textContent=t;b.dataset.choice=v;b.setAttribute('aria-pressed','false');b.onclick=()=>choose(id,v);c.append(b)}for(const t of reasons){const l=document.createElement('label'),i=document.createElement('input');i.type='checkbox';i.value=t;l.append(i,' '+t);r.append(l)}f.append(c,r)};
        const choose=(id,v)=>{current[id]=v;for(const b of $(id).querySelectorAll('[data-choice]'))b.setAttribute('aria-pressed',String(b.dataset.choice===v));asked=id==='quality'&&!current.faithfulness?'faithfulness':asked;mark();$('next').disabled=!(current.quality&&current.faithfulness)};
        const mark=()=>{for(const id of ['quality','faithfulness'])$(id).classList.toggle('current',id===asked)};
        const restart=()=>{const l=$('left'),r=$('right');l.currentTime=0;r.currentTime=0;Promise.all([l.play(),r.play()]).catch(()=>{})};
        const ended=()=>{const l=$('left'),r=$('right');if(l.ended&&r.ended)restart()};
        const show=()=>{if(at>=order.length)return finish();const it=order[at];current={};asked='quality';$('prompt').textContent=it.prompt;$('count').textContent=(at+1)+' of '+order.length;$('progress').value=at/order.length;for(const s of ['left','right'])$(s).src=it[s];$('left').onloadedmetadata=()=>document.documentElement.style.setProperty('--aspect',$('left').videoWidth/$('left').videoHeight);for(const b of document.querySelectorAll('[data-choice]'))b.setAttribute('aria-pressed','false');for(const i of document.querySelectorAll('.reasons input'))i.checked=false;$('next').disabled=true;mark();let ready=0;for(const s of ['left','right'])$(s).oncanplaythrough=()=>{$(s).oncanplaythrough=null;if(++ready===2){shown=performance.now();restart()}};shown=performance.now()};
        const ticked=id=>[...$(id).querySelectorAll('input:checked')].map(i=>i.value);
        const next=()=>{if($('next').disabled)return;const a={item:order[at].id,quality:current.quality,quality_reasons:ticked('quality'),faithfulness:current.faithfulness,faithfulness_reasons:ticked('faithfulness'),milliseconds:Math.round(performance.now()-shown)};answers.push(a);store();if(served){pending.push(a);sending=sending.then(send)}at++;show()};
        const finish=async()=>{$('rate').hidden=true;$('end').hidden=false;for(const s of ['left','right'])$(s).removeAttribute('src');if(served){await sending;$('sent').textContent='All answers have been received.';}else $('sent').textContent='Save the file and send it to whoever asked you.'};
        $('save').onclick=()=>{const a=document.createElement('a');a.href=URL.createObjectURL(new Blob([JSON.stringify(file(answers),null,1)],{type:'application/json'}));a.download='answers-'+rater.replace(/[^A-Za-z0-9_-]/g,'_')+'.json';a.click()};
        $('who').onsubmit=e=>{e.preventDefault();rater=$('rater').value.trim();if(!rater)return;answers=restore();const done=new Set(answers.map(a=>a.item));order=shuffled(study.items);order=[...order.filter(i=>done.has(i.id)),...order.filter(i=>!done.has(i.id))];at=done.size;if(served){pending=[...answers];sending=sending.then(send)}$('start').hidden=true;$('rate').hidden=false;show()};
        $('next').onclick=next;$('again').onclick=restart;for(const s of ['left','right'])$(s).onended=ended;
        addEventListener('keydown',e=>{if($('rate').hidden||e.ctrlKey||e.metaKey||e.altKey)return;const v={1:'left',2:'tie',3:'right'}[e.key];if(v){e.preventDefault();choose(asked,v)}else if(e.key==='Enter'){e.preventDefault();next()}else if(e.key==='r'||e.key==='R')restart()});
        build('quality',QUALITY);build('faithfulness',FAITHFULNESS);
        """;
}
