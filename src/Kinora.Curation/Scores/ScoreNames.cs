namespace Kinora.Curation.Scores;

/// <summary>What a score means, for messages and reports.</summary>
/// <param name="Name">Its name in recipes and files.</param>
/// <param name="Unit">Unit or range.</param>
/// <param name="Meaning">One sentence; weight-free stand-ins for learned judgments say "proxy".</param>
/// <param name="Needs">The optional scorer that gives it, one of <see cref="ScorerSlot.All"/>; null for a score that every machine has.</param>
public sealed record ScoreMeaning(string Name, string Unit, string Meaning, string? Needs = null);

/// <summary>Every score of a clip.</summary>
public static class ScoreNames
{
    public const string Seconds = "length.seconds", ShortSide = "size.short_side", BlackShare = "black.share", FreezeShare = "freeze.share", FreezeLongest = "freeze.longest",
        SpatialInformation = "complexity.si", TemporalInformation = "complexity.ti", VmafMotion = "motion.vmaf", CodecMotion = "motion.codec", CodecMotionPatch = "motion.codec_patch",
        FarnebackMotion = "motion.farneback", DisMotion = "motion.dis", DataJuicerMotion = "motion.data_juicer", RaftMotion = "motion.raft", TextRegions = "text.regions", TextArea = "text.area", TextOverlay = "text.overlay", TextScene = "text.scene", TextWords = "text.words",
        CameraMotion = "motion.camera", ObjectMotion = "motion.object", Pan = "camera.pan", Tilt = "camera.tilt", Zoom = "camera.zoom", Roll = "camera.roll",
        Sharpness = "sharpness.laplacian", Blockiness = "blockiness.grid", Letterbox = "letterbox.share", Colorfulness = "color.colorfulness", Hue = "color.hue", Chroma = "color.chroma",
        Exposure = "exposure.mean", ClippedDark = "exposure.dark", ClippedBright = "exposure.bright", Contrast = "contrast.rms", Thirds = "composition.thirds",
        Aesthetic = "aesthetic.laion", AestheticLeast = "aesthetic.laion_min", ClipMatch = "match.clip", SiglipMatch = "match.siglip", ClipGivenMatch = "match.clip_given", SiglipGivenMatch = "match.siglip_given", ShotChange = "change.clip";

    /// <summary>Every score with its meaning, in the order in which reports show them.</summary>
    public static IReadOnlyList<ScoreMeaning> All { get; } =
    [
        new(Seconds, "s", "Length of the clip."),
        new(ShortSide, "px", "Shorter side of the picture as it is shown."),
        new(BlackShare, "0..1", "Share of frames of which 98 % is black (blackdetect)."),
        new(FreezeShare, "0..1", "Share of frames that equal the one before up to noise of −60 dB (freezedetect)."),
        new(FreezeLongest, "s", "Longest frozen stretch."),
        new(VmafMotion, "0..", "Mean difference of blurred consecutive frames (VMAF motion)."),
        new(CodecMotion, "of w + h", "Mean length of the codec's motion vectors (cosmos-curate); unavailable where the codec exports none."),
        new(CodecMotionPatch, "of w + h", "The same in the stillest of the sampled patches."),
        new(FarnebackMotion, "% of diagonal/s", "Mean length of Farnebäck's flow where the flow back returns.", ScorerSlot.OpenCv),
        new(DisMotion, "% of diagonal/s", "Mean length of DIS flow where the flow back returns.", ScorerSlot.OpenCv),
        new(DataJuicerMotion, "px", "Mean length of Farnebäck's flow of the whole pictures between two samples (Data-Juicer's video_motion_score); off unless the recipe asks for it.", ScorerSlot.OpenCv),
        new(RaftMotion, "% of diagonal/s", "Mean length of RAFT's flow.", ScorerSlot.Raft),
        new(CameraMotion, "% of diagonal/s", "Motion that one turn, shift and zoom of the whole picture explains: of DIS flow, or of matched blocks without OpenCV."),
        new(ObjectMotion, "% of diagonal/s", "Motion that the camera does not explain."),
        new(Pan, "% of width/s", "Camera to the right (+) or left (−)."),
        new(Tilt, "% of height/s", "Camera up (+) or down (−)."),
        new(Zoom, "%/s", "In (+) or out (−)."),
        new(Roll, "°/s", "Camera clockwise (+)."),
        new(TextRegions, "0..1", "Share of the picture that looks like lines of text.", ScorerSlot.Tesseract),
        new(TextArea, "0..1", "Share of the picture under words that could be read.", ScorerSlot.Tesseract),
        new(TextOverlay, "0..1", "The part of that which lies over the film: it stays while the picture changes.", ScorerSlot.Tesseract),
        new(TextScene, "0..1", "The part that moves with the picture.", ScorerSlot.Tesseract),
        new(TextWords, "words", "Different words that were read.", ScorerSlot.Tesseract),
        new(SpatialInformation, "0..", "Spatial information (ITU-T P.910)."),
        new(TemporalInformation, "0..", "Temporal information (ITU-T P.910)."),
        new(Sharpness, "0..", "Proxy of sharpness: variance of the Laplacian at coded size."),
        new(Blockiness, "1..", "Gradients on the strongest grid of 8 columns over those between."),
        new(Letterbox, "0..1", "Share of the picture under bars that stay black."),
        new(Colorfulness, "0..", "Proxy of vividness (Hasler and Süsstrunk)."),
        new(Hue, "°", "Hue of the mean color: red 0, green 120, blue 240."),
        new(Chroma, "0..255", "Largest less smallest part of the mean color: how much of a tint there is."),
        new(Exposure, "0..255", "Mean luma."),
        new(ClippedDark, "0..1", "Share of samples at the dark end."),
        new(ClippedBright, "0..1", "Share of samples at the bright end."),
        new(Contrast, "0..1", "Standard deviation of gray over 255."),
        new(Thirds, "0..1", "Proxy of composition: share of edges near the lines of thirds."),
        new(Aesthetic, "about 0..10", "LAION's aesthetic head on CLIP ViT-L/14, mean over the sampled pictures.", ScorerSlot.Laion),
        new(AestheticLeast, "about 0..10", "The same of the least pleasing of them.", ScorerSlot.Laion),
        new(ClipMatch, "−1..1", "Mean cosine of the pictures with the measured caption, by CLIP.", ScorerSlot.Clip),
        new(SiglipMatch, "−1..1", "Mean cosine of the pictures with the measured caption, by SigLIP.", ScorerSlot.Siglip),
        new(ClipGivenMatch, "−1..1", "Mean cosine of the pictures with the text beside the footage, by CLIP.", ScorerSlot.Clip),
        new(SiglipGivenMatch, "−1..1", "Mean cosine of the pictures with the text beside the footage, by SigLIP.", ScorerSlot.Siglip),
        new(ShotChange, "0..2", "Distance of CLIP's unit vectors near the clip's begin and end (Panda-70M drops above 1).", ScorerSlot.Clip),
    ];
}
