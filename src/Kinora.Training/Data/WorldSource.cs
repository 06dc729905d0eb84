using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Recipes;
using Kinora.World;

namespace Kinora.Training.Data;

/// <summary>The world as training uses it: scenes of one size, and what their captions tell, as class labels.</summary>
internal sealed class WorldSource(WorldRecipe recipe, ulong seed) : IClipSource
{
    private const ulong Wordings = 16;

    /// <inheritdoc/>
    public int? Clips => null;

    /// <inheritdoc/>
    public string? Fingerprint => null;

    /// <summary>What the text stage asks of a caption. Classes of second actors and relations begin with "none".</summary>
    public IReadOnlyList<AttributeSpec> Attributes { get; } =
    [
        new("noun", Vocabulary.Nouns.Count),
        new("color", Vocabulary.Colors.Count),
        new("motion", Vocabulary.Motions.Count),
        new("setting", Vocabulary.Settings.Count),
        new("camera", Vocabulary.CameraMoves.Count),
        new("second_noun", 1 + Vocabulary.Nouns.Count),
        new("second_color", 1 + Vocabulary.Colors.Count),
        new("relation", 1 + Vocabulary.Relations.Count),
    ];

    /// <inheritdoc/>
    public void Render(Purpose purpose, long sample, Span<byte> rgb) => Render(SceneOf(purpose, sample), rgb);

    /// <summary>Draws the whole clip.</summary>
    public void Render(Scene scene, Span<byte> rgb) => Renderer.Render(scene, recipe.Width, recipe.Height, recipe.Frames, rgb);

    /// <inheritdoc/>
    public IEnumerable<string> Captions(Purpose purpose, long sample, ulong wording) => Captions(SceneOf(purpose, sample), wording);

    /// <summary>Captions of a scene in several wordings.</summary>
    public static IEnumerable<string> Captions(Scene scene, ulong wording)
    {
        for (ulong attempt = 0; attempt < Wordings; attempt++)
            yield return CaptionGrammar.Describe(scene, wording + attempt);
    }

    /// <inheritdoc/>
    public long[] Labels(Purpose purpose, long sample, string caption) => Labels(SceneOf(purpose, sample), caption);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Clips come out of seeds: there is nothing to close.
    }

    /// <summary>The class of every attribute, or <see cref="TextEncoderObjective.Unknown"/> where this caption is silent about it.</summary>
    public static long[] Labels(Scene scene, string caption)
    {
        long[] labels = Labels(scene);
        if (!TellsMotion(scene, caption))
            labels[2] = TextEncoderObjective.Unknown;
        if (!Tells(caption, CaptionGrammar.SettingPhrases(scene.Setting)))
            labels[3] = TextEncoderObjective.Unknown;
        return labels;
    }

    /// <summary>The class of every attribute of <see cref="Attributes"/>.</summary>
    public static long[] Labels(Scene scene)
    {
        var first = scene.Actors[0];
        var second = scene.Actors.Count > 1 ? scene.Actors[1] : null;
        return
        [
            (long)first.Noun,
            (long)first.Color,
            (long)first.Motion,
            (long)scene.Setting,
            (long)scene.Camera,
            second is null ? 0 : 1 + (long)second.Noun,
            second is null ? 0 : 1 + (long)second.Color,
            scene.Relation is { } relation ? 1 + (long)relation : 0,
        ];
    }

    // Validation asks for combinations that training never sees.
    public Scene SceneOf(Purpose purpose, long sample)
        => SceneSampler.Sample(SampleSeeds.Seed(seed, purpose, sample), purpose == Purpose.Validation ? WorldSplit.HeldOut : WorldSplit.Train);

    private static bool TellsMotion(Scene scene, string caption) => scene.Relation == Relation.Chases
        ? Tells(caption, ["to the left", "to the right"])
        : Tells(caption, CaptionGrammar.MotionPhrases(scene.Actors[0].Motion));

    private static bool Tells(string caption, IReadOnlyList<string> phrases) => phrases.Any(p => caption.Contains(p, StringComparison.OrdinalIgnoreCase));
}
