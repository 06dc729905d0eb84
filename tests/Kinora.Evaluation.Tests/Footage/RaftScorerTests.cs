// RAFT inside the measuring pass. The weights are random: the numbers only have to be those of the same network run by hand.

using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Footage;
using Kinora.Media;
using Kinora.Models.Systems.Raft;

namespace Kinora.Evaluation.Tests.Footage;

public sealed class RaftScorerTests : IDisposable
{
    private const int Width = 128, Height = 128, Frames = 26, Fps = 24;
    private readonly string _folder = Directory.CreateTempSubdirectory("kinora-raft-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Pass_WithRaft_ScoresWhatTheNetworkSaysAndKeepsItUnderTheWeightsHash()
    {
        string weights = Path.Combine(_folder, "raft.safetensors"), film = Path.Combine(_folder, "film.mp4");
        Save(weights);
        new Clip([.. Enumerable.Range(0, Frames).Select(i => new VideoFrame(Width, Height, Texture(2 * i)))], Fps).Save(film);
        var options = new MeasureOptions { Detector = "content", Threshold = 255 };
        using var scorer = RaftScorer.Load(weights, Device.Cpu);
        scorer.Identity.ShouldContain(Checkpoint.HashFile(weights));

        var measures = MeasurePass.Run(film, "00", options, [scorer]);
        measures.Options.ShouldNotBe(options.Key());
        var score = measures.Clips.ShouldHaveSingleItem()[ScoreNames.RaftMotion].ShouldNotBeNull();

        FlowPair[] pairs = [.. new[] { 8, 20 }.Select(first => ByHand(weights, film, first))];
        double confidence = pairs.Where(p => p.Followed >= FlowPairs.LeastFollowed).Sum(p => p.Followed) / pairs.Length;
        score.Confidence.ShouldBe(confidence, 1e-3);
        if (confidence > 0) { score.Value.ShouldNotBeNull().ShouldBe(pairs.Where(p => p.Followed >= FlowPairs.LeastFollowed).Average(FlowPairs.Speed), 1e-2); }
        else { score.Unavailable.ShouldNotBeNull().ShouldContain("too little"); }
    }

    [Fact]
    public void Pass_WithoutRaft_SaysHowToGetIt()
    {
        string film = Path.Combine(_folder, "film.mp4");
        new Clip([.. Enumerable.Range(0, Frames).Select(i => new VideoFrame(Width, Height, Texture(2 * i)))], Fps).Save(film);
        var score = MeasurePass.Run(film, "00", new MeasureOptions()).Clips[0][ScoreNames.RaftMotion].ShouldNotBeNull();
        score.Value.ShouldBeNull();
        score.Unavailable.ShouldNotBeNull().ShouldContain("--weights raft=FILE");
    }

    // Frames 12 and 24 are sampled, each with the one four frames before.
    private static FlowPair ByHand(string weights, string film, int first)
    {
        using var raft = RaftFlow.Load(weights, Device.Cpu);
        var (a, b) = (new SampledPicture(), new SampledPicture());
        using (var reader = AnalysisReader.Open(film))
        {
            for (int i = 0; reader.Advance(); i++)
            {
                if (i == first) { a.Load(reader, i); }
                if (i == first + 4) { b.Load(reader, i); }
            }
        }
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor x = Picture(a), y = Picture(b);
        float[] Flow(Tensor from, Tensor to) => raft.Between(from, to).Permute(0, 2, 3, 1).Contiguous().ToArray<float>();
        return FlowPair.Of(Flow(x, y), Flow(y, x), a.Gray, Width, (first, a.Time), (first + 4, b.Time));
    }

    private static Tensor Picture(SampledPicture picture) => ClipTensor.FromBytes(picture.Bgr, 1, 1, picture.Height, picture.Width, Device.Cpu).Squeeze(2).Flip(1).Contiguous();

    private static void Save(string path)
    {
        var root = ParameterPath.Root(new InitializedParameters(1));
        using var store = root.Store;
        SafetensorsWriter.Write(path, new RaftModel(root, RaftConfig.Small).Parameters().Select(p => KeyValuePair.Create(p.Name, p.Value)));
    }

    private static byte[] Texture(int shift)
    {
        byte[] rgb = new byte[Width * Height * 3];
        for (int i = 0; i < Width * Height; i++)
        {
            double u = (i % Width) + shift, v = i / Width;
            rgb.AsSpan(3 * i, 3).Fill((byte)(128 + (60 * Math.Sin((0.33 * u) + (0.19 * v))) + (60 * Math.Sin((0.21 * u) - (0.37 * v) + 1))));
        }
        return rgb;
    }
}
