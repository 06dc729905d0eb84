// Optional keys have a setter, not init; see Recipe.cs.

using Kinora.Engine;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Systems.KinoraWorldClip;

namespace Kinora.Training.Recipes;

/// <summary>What every recipe has, whatever it makes.</summary>
public interface ITrainingRecipe
{
    /// <summary>Names the run folder and the model.</summary>
    string Name { get; }

    /// <summary>Throws <see cref="ConfigException"/> with every violation at once.</summary>
    void Validate();
}

/// <summary>Everything that decides a text–clip model of the procedural world: the judge of whether a clip goes with a prompt.</summary>
public sealed record TextClipRecipe : ITrainingRecipe
{
    /// <summary>The value of <c>kind</c> that tells this recipe from a generator's, which has none.</summary>
    public const string KindName = "text-clip";

    /// <summary>"text-clip".</summary>
    public required string Kind { get; init; }

    /// <inheritdoc/>
    public required string Name { get; init; }

    /// <summary>Seeds weights, data and disturbances. Two runs with equal recipes on the same machine are equal bit for bit.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>Dtype of matrix products: <c>bfloat16</c> or <c>float32</c>.</summary>
    public ComputePrecision Precision { get; set; } = ComputePrecision.Bfloat16;

    /// <summary>The clips to learn from; width and height are equal.</summary>
    public required WorldRecipe World { get; init; }

    /// <summary>Tokenizer and text encoder.</summary>
    public TextClipTextRecipe Text { get; set; } = new();

    /// <summary>The clip encoder and what it is asked.</summary>
    public TextClipNetworkRecipe Clip { get; set; } = new();

    /// <summary>How both are trained. A step's clips and captions are contrasted with each other, so <c>accumulation</c> must be 1; each of several processes contrasts its own share.</summary>
    public required OptimizationRecipe Optimization { get; init; }

    /// <inheritdoc/>
    public void Validate()
    {
        var violations = new List<string>();
        Recipe.CheckName(violations, Name);
        Recipe.Check(violations, Kind == KindName, $"`kind` must be {KindName}, got {Kind}");
        Recipe.Check(violations, World.Width == World.Height && World.Width >= 16 && World.Width % 16 == 0, $"`world.width` and `world.height` must be equal multiples of 16, got {World.Width} and {World.Height}");
        Recipe.Check(violations, World.Frames >= ClipColumns.Stills, $"`world.frames` must be at least {ClipColumns.Stills}, got {World.Frames}");
        Text.Collect(violations);
        Clip.Collect(violations);
        Optimization.Collect(violations, "optimization");
        Recipe.Check(violations, Optimization.Accumulation == 1, $"`optimization.accumulation` must be 1: clips are contrasted within a batch, got {Optimization.Accumulation}");
        Recipe.Check(violations, Optimization.BatchSize >= 2 && Optimization.BatchSize % 2 == 0, $"`optimization.batch_size` must be even: scenes come with their twins, got {Optimization.BatchSize}");
        if (violations.Count > 0)
            throw new ConfigException($"recipe {Name}: {string.Join("; ", violations)}.");
    }

    internal TextClipConfig Config(int vocabularySize) => new()
    {
        ClassName = TextClipConfig.Name, Size = World.Width, Frames = World.Frames, AppearanceChannels = Clip.AppearanceChannels, MotionChannels = Clip.MotionChannels,
        HeadSize = Clip.HeadSize, ProjectionDim = Clip.ProjectionDim, CaptionTokens = Text.CaptionTokens,
        TextEncoder = TextEncoderConfig.Small(vocabularySize) with
        {
            MaxPositionEmbeddings = Text.Network.MaxPositionEmbeddings, HiddenSize = Text.Network.HiddenSize, IntermediateSize = Text.Network.IntermediateSize,
            NumHiddenLayers = Text.Network.NumHiddenLayers, NumAttentionHeads = Text.Network.NumAttentionHeads,
        },
    };
}

/// <summary>The text side.</summary>
public sealed record TextClipTextRecipe
{
    /// <summary>Tokens of the byte-level BPE, the 256 bytes and special tokens included.</summary>
    public int VocabSize { get; set; } = 1024;

    /// <summary>Captions that the tokenizer learns from.</summary>
    public int TokenizerCaptions { get; set; } = 20_000;

    /// <summary>Tokens that captions are padded to.</summary>
    public int CaptionTokens { get; set; } = 48;

    /// <summary>The encoder's size.</summary>
    public TextNetworkRecipe Network { get; set; } = new();

    internal void Collect(List<string> violations)
    {
        Recipe.Check(violations, VocabSize is >= 300 and <= 65_536, $"`text.vocab_size` must be within 300 and 65536, got {VocabSize}");
        Recipe.Check(violations, TokenizerCaptions > 0, $"`text.tokenizer_captions` must be positive, got {TokenizerCaptions}");
        Recipe.Check(violations, CaptionTokens > 0 && CaptionTokens <= Network.MaxPositionEmbeddings, $"`text.caption_tokens` must be within 1 and `text.network.max_position_embeddings` ({Network.MaxPositionEmbeddings}), got {CaptionTokens}");
        Recipe.Check(violations, Network.NumAttentionHeads > 0 && Network.HiddenSize % Network.NumAttentionHeads == 0, $"`text.network.num_attention_heads` must divide `hidden_size`, got {Network.NumAttentionHeads}");
    }
}

/// <summary>The clip side.</summary>
public sealed record TextClipNetworkRecipe
{
    /// <summary>Channels of the convolutions that look at single frames.</summary>
    public IReadOnlyList<int> AppearanceChannels { get; set; } = [32, 64, 96, 128, 128];

    /// <summary>Channels of the convolutions that look at change over time.</summary>
    public IReadOnlyList<int> MotionChannels { get; set; } = [64, 96, 128, 128];

    /// <summary>A safetensors file with weights of the same columns, such as the world's probe, from which the clip encoder starts; null starts from nothing. Training alone reads it.</summary>
    public string? ColumnsFrom { get; set; }

    /// <summary>Width of the hidden layer between the columns and the embedding.</summary>
    public int HeadSize { get; set; } = 384;

    /// <summary>Numbers of an embedding.</summary>
    public int ProjectionDim { get; set; } = 192;

    /// <summary>Share of scenes that stand beside a twin, which differs in one word of the caption.</summary>
    public double Twins { get; set; } = 0.5;

    /// <summary>Weight of asking both embeddings for the scene's attributes, beside the contrast's 1; 0 for contrast alone.</summary>
    public double AttributeWeight { get; set; } = 1;

    internal void Collect(List<string> violations)
    {
        Recipe.Check(violations, ClipColumns.AreChannels(AppearanceChannels, MotionChannels), "`clip.appearance_channels` must be five and `clip.motion_channels` four multiples of 8");
        Recipe.Check(violations, HeadSize > 0, $"`clip.head_size` must be positive, got {HeadSize}");
        Recipe.Check(violations, ProjectionDim > 0, $"`clip.projection_dim` must be positive, got {ProjectionDim}");
        Recipe.CheckProbability(violations, "clip.twins", Twins);
        Recipe.Check(violations, AttributeWeight >= 0 && double.IsFinite(AttributeWeight), $"`clip.attribute_weight` must not be negative, got {AttributeWeight}");
    }
}
