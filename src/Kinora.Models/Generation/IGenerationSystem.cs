using Kinora.Engine;
using Kinora.Engine.Checkpoints;

namespace Kinora.Models.Generation;

/// <summary>
/// A family of models that <see cref="KinoraVideoGenerator"/> and <c>kinora generate --model</c> run. One line in
/// <see cref="GenerationSystems.All"/> makes it reachable.
/// </summary>
public interface IGenerationSystem
{
    /// <summary>Values of <c>_class_name</c> in <c>model_index.json</c> that it answers to.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>The components without which a model of this system cannot run. Reads configurations at most.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    IReadOnlyList<string> RequiredComponents(ModelFolder folder);

    /// <summary>How it follows several prompts over time. With <see cref="StoryMethod.Travel"/>, <see cref="Plan"/> reads the request's story itself.</summary>
    StoryMethod Stories { get; }

    /// <summary>Checks a request, refuses what this system cannot do, and fills in the model's defaults. Reads configurations and vocabularies only.</summary>
    /// <exception cref="GenerationRequestException">The request cannot be carried out; the message says what can.</exception>
    /// <exception cref="ConfigException">The model's configuration is wrong.</exception>
    GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options);

    /// <summary>Loads the networks. Called on the engine's thread.</summary>
    /// <param name="networks">The model, and how its networks are loaded; it outlives the pipeline, which may load networks later.</param>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    /// <exception cref="CheckpointException">Weights are damaged or belong to another network.</exception>
    IGenerationPipeline Load(NetworkLoader networks);
}

/// <summary>The loaded networks of one model. Every call brings its own run, and calls do not influence each other.</summary>
public interface IGenerationPipeline : IDisposable
{
    /// <summary>
    /// Makes one clip: calls <see cref="ClipRun.Step"/> after every sampling step, <see cref="ClipRun.Decoding"/> before the first pixel, and
    /// <see cref="ClipRun.Frame"/> for every frame in order. Runs on the engine's thread, inside a tensor scope.
    /// </summary>
    void Generate(ClipRun run);
}
