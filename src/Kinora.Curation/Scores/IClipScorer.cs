namespace Kinora.Curation.Scores;

/// <summary>
/// Gives scores that need more than every machine has: a network with the user's weights, or a library. It sees the pictures that
/// the one decode samples; nothing is decoded for it alone. One thread at a time.
/// </summary>
public interface IClipScorer : IDisposable
{
    /// <summary>One of <see cref="ScorerSlot.All"/>.</summary>
    string Name { get; }

    /// <summary>What decides its numbers beside the footage, such as the model's id and the hash of its weights. It is part of the key under which measurements are kept.</summary>
    string Identity { get; }

    /// <summary>Whether it compares a picture with one of shortly before; those are copied only when some scorer does.</summary>
    bool NeedsEarlier { get; }

    /// <summary>Whether its scores depend on <see cref="ClipMeasures.Given"/>.</summary>
    bool ReadsGivenText => false;

    /// <summary>Begins a source.</summary>
    IClipScorerPass Begin();
}

/// <summary>A scorer at work on one source.</summary>
public interface IClipScorerPass : IDisposable
{
    /// <summary>Takes the next sampled picture. The pictures are valid until this returns, so a pass that runs in batches copies what it needs.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="earlier">A picture a few frames before; null when there is none. It may belong to another clip: compare its index.</param>
    void Add(SampledPicture picture, SampledPicture? earlier);

    /// <summary>No picture follows: runs what still waits.</summary>
    void Finish();

    /// <summary>The scores of a clip after <see cref="Finish"/>: one of each name whose <see cref="ScoreMeaning.Needs"/> is this scorer; what it could not measure is missing with the reason. It may also give a better value of a score that every machine has.</summary>
    /// <param name="clip">The clip with the scores that every machine has.</param>
    IReadOnlyList<Score> Score(ClipMeasures clip);

    /// <summary>The clip with what the scorer knows beside numbers.</summary>
    /// <param name="clip">The clip with its scores so far, this scorer's among them.</param>
    ClipMeasures Annotate(ClipMeasures clip) => clip;

    /// <summary>What the clip means to a network, after <see cref="Finish"/>; null where this is no such network.</summary>
    ClipFeature? Feature(ClipMeasures clip) => null;

    /// <summary>The unit vector of the sampled picture nearest to a place between two frames, after <see cref="Finish"/>; null where there is none.</summary>
    /// <param name="from">First frame.</param>
    /// <param name="to">Frame after the last.</param>
    /// <param name="share">0 = the first frame, 1 = the last.</param>
    float[]? Near(long from, long to, double share) => null;
}

/// <summary>An optional scorer by name, with what to do where it is missing.</summary>
/// <param name="Name">Such as <c>raft</c>.</param>
/// <param name="Remedy">What makes its scores available.</param>
public sealed record ScorerSlot(string Name, string Remedy)
{
    public const string Raft = "raft", OpenCv = "opencv", Tesseract = "tesseract", Clip = "clip", Siglip = "siglip", Laion = "laion";

    /// <summary>Every optional scorer.</summary>
    public static IReadOnlyList<ScorerSlot> All { get; } =
    [
        new(OpenCv, "install libopencv-core-dev libopencv-imgproc-dev libopencv-video-dev and run \"kinora setup --force\""),
        new(Tesseract, "install libtesseract-dev tesseract-ocr-eng and run \"kinora setup --force\""),
        new(Raft, "give torchvision's raft_large or raft_small with --weights raft=FILE"),
        new(Clip, "give a folder of CLIP in the layout of transformers with --weights clip=FOLDER"),
        new(Siglip, "give a folder of SigLIP in the layout of transformers with --weights siglip=FOLDER"),
        new(Laion, "give LAION's aesthetic head with --weights laion=FILE, beside CLIP ViT-L/14"),
    ];

    /// <summary>Why the scores of a missing scorer have no value.</summary>
    public string Reason => $"{Name} is not available: {Remedy}";

    /// <summary>The slots that none of <paramref name="scorers"/> fills.</summary>
    public static IEnumerable<ScorerSlot> Missing(IReadOnlyList<IClipScorer> scorers) => All.Where(slot => scorers.All(s => s.Name != slot.Name));
}
