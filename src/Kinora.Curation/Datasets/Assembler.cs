// The dataset from its parts: shards, rows, index. Everything is sorted, nothing carries a time, so the same parts give the same bytes.
using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

internal sealed class Assembler(Workspace workspace, Recipe recipe, IReadOnlyList<IClipScorer> scorers, string? captioner, string outputKey)
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Writes everything; the index last.</summary>
    public DatasetIndex Write(IReadOnlyList<SourceFile> files, IReadOnlyList<CuratedSource> sources, IReadOnlyList<Decision> decisions, CancellationToken cancellationToken)
    {
        var rows = Rows(sources, decisions, out var clipFailures, out var captionFailures);
        string building = workspace.Path($".{Workspace.ShardsName}.building");
        if (Directory.Exists(building)) { Directory.Delete(building, recursive: true); }
        Directory.CreateDirectory(building);
        var shards = WriteShards(building, rows, cancellationToken);
        // From here to the new index the folder is incomplete, and says so by having none.
        File.Delete(workspace.Path(Workspace.IndexName));
        string final = workspace.Path(Workspace.ShardsName);
        if (Directory.Exists(final)) { Directory.Delete(final, recursive: true); }
        Directory.Move(building, final);
        WriteRows(files, sources, decisions, rows);
        var index = Index(files, sources, rows, clipFailures, captionFailures, shards);
        Workspace.Write(workspace.Path(Workspace.IndexName), Encoding.UTF8.GetBytes(index.ToJson()));
        return index;
    }

    private List<ClipRow> Rows(IReadOnlyList<CuratedSource> sources, IReadOnlyList<Decision> decisions, out List<SourceProblem> failures, out List<SourceProblem> silent)
    {
        var rows = new List<ClipRow>();
        failures = [];
        silent = [.. sources.Where(s => s.File.Side?.Problem is not null).Select(s => new SourceProblem(s.File.Side!.File, s.File.Side.Problem!))];
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        int at = 0;
        foreach (var (file, measures) in sources)
        {
            foreach (var clip in measures.Clips)
            {
                if (!decisions[at++].Keep) { continue; }
                var written = ClipFile.FromJson(File.ReadAllBytes(workspace.ClipPath(clip.Id, outputKey, "json")));
                if (written.Failure is { } failure)
                {
                    failures.Add(new SourceProblem($"{file.Name} {clip.StartTime:0.###}–{clip.EndTime:0.###} s", failure));
                    continue;
                }
                string bucket = Bucket.Of(written.Width, written.Height, written.Frames, written.FramesPerSecond);
                string folder = recipe.Output.Buckets ? $"{Workspace.ShardsName}/{bucket}" : Workspace.ShardsName;
                counts.TryGetValue(folder, out int count);
                counts[folder] = count + 1;
                string measured = FactCaption.Describe(clip);
                var said = captioner is null ? null : JsonSerializer.Deserialize(File.ReadAllBytes(workspace.CaptionPath(clip.Id, outputKey, captioner, file.Given)), CaptionJson.Default.KeptCaption);
                if (said?.Failure is { } silence) { silent.Add(new SourceProblem($"{file.Name} {clip.StartTime:0.###}–{clip.EndTime:0.###} s", silence)); }
                rows.Add(new ClipRow
                {
                    Id = clip.Id, Key = clip.Id.ToString(), Shard = string.Create(CultureInfo.InvariantCulture, $"{folder}/shard-{count / recipe.Output.ShardClips:D5}.tar"), Bucket = bucket,
                    Source = file.Name, SourceSha256 = file.Sha256, Start = clip.StartTime, End = clip.EndTime, StartFrame = clip.StartFrame, EndFrame = clip.EndFrame,
                    Caption = said?.Caption ?? file.Given ?? measured, CaptionBy = said?.Caption is not null ? captioner : file.Given is not null ? file.Side!.File : null, Measured = measured, Given = file.Given, File = written,
                    Scores = clip.Scores.Where(s => s.Value is not null).ToDictionary(s => s.Name, s => s.Value!.Value, StringComparer.Ordinal),
                });
            }
        }
        return rows;
    }

    private List<ShardEntry> WriteShards(string building, List<ClipRow> rows, CancellationToken cancellationToken)
    {
        var shards = new List<ShardEntry>();
        foreach (var group in rows.GroupBy(row => row.Shard, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string path = Path.Combine(building, Path.GetRelativePath(Workspace.ShardsName, group.Key));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (var tar = new TarWriter(File.Create(path), TarEntryFormat.Ustar))
            {
                foreach (var row in group)
                {
                    Append(tar, row.Key + ".mp4", File.ReadAllBytes(workspace.ClipPath(row.Id, outputKey, "mp4")));
                    Append(tar, row.Key + ".txt", Encoding.UTF8.GetBytes(row.Caption));
                    Append(tar, row.Key + ".json", Encoding.UTF8.GetBytes(row.ToJson()));
                }
            }
            using var content = File.OpenRead(path);
            shards.Add(new ShardEntry(group.Key, group.Count(), content.Length, Convert.ToHexStringLower(SHA256.HashData(content))));
        }
        return shards;
    }

    private static void Append(TarWriter tar, string name, byte[] content)
    {
        using var data = new MemoryStream(content);
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data, ModificationTime = DateTimeOffset.UnixEpoch, Mode = ReadableByAll });
    }

    private void WriteRows(IReadOnlyList<SourceFile> files, IReadOnlyList<CuratedSource> sources, IReadOnlyList<Decision> decisions, List<ClipRow> rows)
    {
        var byHash = sources.ToDictionary(s => s.File.Sha256, StringComparer.Ordinal);
        Lines(Workspace.ManifestName, rows.Select(row => row.ToJson()));
        Lines(Workspace.SourcesName, files.Select(file =>
        {
            var source = byHash[file.Sha256];
            bool same = source.File.Name != file.Name;
            return JsonSerializer.Serialize(new SourceRow(file.Name, file.Sha256, file.Bytes, same ? source.File.Name : null, source.Measures.Failure, source.Measures.Damage, same ? 0 : source.Measures.Clips.Count, source.Measures.Facts, source.File.Given is null ? null : source.File.Side!.File), RowJson.Default.SourceRow);
        }));
        var clips = sources.SelectMany(s => s.Measures.Clips.Select(clip => (Source: s, Clip: clip))).ToList();
        Lines(Workspace.ScoresName, clips.SelectMany(c => c.Clip.Scores.Select(score =>
            JsonSerializer.Serialize(new ScoreRow(c.Clip.Id, score.Name, score.Value, score.Confidence, score.Unavailable, c.Source.Measures.Options), RowJson.Default.ScoreRow))));
        Lines(Workspace.DecisionsName, clips.Zip(decisions).Select(pair => JsonSerializer.Serialize(
            new DecisionRow(pair.Second.Clip, pair.First.Source.File.Name, pair.First.Clip.StartTime, pair.First.Clip.EndTime, pair.Second.Keep, pair.Second.Reasons, pair.Second.Unknown, pair.Second.DuplicateOf), RowJson.Default.DecisionRow)));
        Workspace.Write(workspace.Path(Workspace.RecipeName), Encoding.UTF8.GetBytes(recipe.ToJson()));
    }

    private void Lines(string name, IEnumerable<string> lines)
    {
        var text = new StringBuilder();
        foreach (string line in lines) { text.Append(line).Append('\n'); }
        Workspace.Write(workspace.Path(name), Encoding.UTF8.GetBytes(text.ToString()));
    }

    private DatasetIndex Index(IReadOnlyList<SourceFile> files, IReadOnlyList<CuratedSource> sources, List<ClipRow> rows, List<SourceProblem> clipFailures, List<SourceProblem> captionFailures, List<ShardEntry> shards) => new()
    {
        Recipe = recipe.Hash(), Scorers = [.. scorers.Select(s => new ScorerEntry(s.Name, s.Identity)).OrderBy(s => s.Name, StringComparer.Ordinal)], Sources = files.Count, ExactDuplicates = files.Count - sources.Count,
        Failures = [.. sources.Where(s => s.Measures.Failure is not null).Select(s => new SourceProblem(s.File.Name, s.Measures.Failure!))],
        Damaged = [.. sources.Where(s => s.Measures.Damage is not null).Select(s => new SourceProblem(s.File.Name, s.Measures.Damage!))],
        ClipFailures = clipFailures, SideTexts = sources.Count(s => s.File.Given is not null), Captioner = captioner, CaptionFailures = captionFailures,
        Clips = sources.Sum(s => s.Measures.Clips.Count), Kept = rows.Count,
        HoursIn = Math.Round(sources.Sum(s => s.Measures.Facts?.Seconds ?? 0) / 3600, 6), HoursKept = Math.Round(rows.Sum(r => (r.File.ActualEnd ?? r.End) - (r.File.ActualStart ?? r.Start)) / 3600, 6),
        Residual = ResidualAudit.Of(rows.Count(r => r.File.ResidualCuts > 0), rows.Count),
        Shards = shards, Root = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(shards.Select(s => s.Sha256))))),
    };
}
