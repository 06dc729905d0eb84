// The one way from a model's files to its networks: which file, which layout, what is added to it, and how it lies in memory.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Checkpoints.Lora;
using Kinora.Models.Generation;

namespace Kinora.Models;

/// <summary>
/// Loads the networks of one model under one set of options. Making one reads headers at most; a network is read when it is asked for, as
/// often as it is asked for. A load is whole, or it fails with every missing, unexpected or misshapen parameter.
/// </summary>
public sealed class NetworkLoader : IDisposable
{
    private readonly LoraSet _loras;

    /// <summary>Opens the LoRA files and finds the layers that they change.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Where and how its networks are loaded.</param>
    /// <exception cref="CheckpointException">A LoRA file is damaged, or has changes for layers that the model does not have.</exception>
    public NetworkLoader(ModelFolder folder, LoadOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(options);
        (Folder, Options, Residency) = (folder, options, new Residency(options.Offload != Offload.None));
        _loras = LoraSet.Open(options.Loras);
        try
        {
            CheckLoras();
        }
        catch
        {
            _loras.Dispose();
            throw;
        }
    }

    /// <summary>The model.</summary>
    public ModelFolder Folder { get; }

    /// <summary>Where and how its networks are loaded.</summary>
    public LoadOptions Options { get; }

    /// <summary>Where networks run.</summary>
    public Device Device => Options.Device;

    /// <summary>Type of matrix products.</summary>
    public DType Compute => Options.Compute;

    /// <summary>Which networks may be in memory together.</summary>
    public Residency Residency { get; }

    /// <summary>For systems whose networks stay together: passes unless one at a time was asked for.</summary>
    /// <exception cref="ConfigException">It was.</exception>
    public void RefuseModelOffload(string system)
    {
        if (Options.Offload == Offload.Model)
        {
            throw new ConfigException($"{system}: its networks stay in memory together. Use offload block, which brings weights in block by block, or none.");
        }
    }

    /// <summary>A network that is loaded when it is needed, and leaves as the options say.</summary>
    public OnDemand<TModule> OnDemand<TModule>(Func<TModule> load) where TModule : Module => new(load, Residency);

    /// <summary>Builds a network from a component's weights.</summary>
    /// <param name="component">unet, transformer, vae, text_encoder, …</param>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="isOmitted">Tensors of published weights that the network leaves out on purpose.</param>
    /// <param name="dtype">Element type of the parameters; <see cref="Compute"/> by default.</param>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network; the message lists every difference.</exception>
    public TModule Load<TModule>(string component, Func<ParameterPath, TModule> build, Func<string, bool>? isOmitted = null, DType? dtype = null)
        where TModule : Module => LoadFrom(Folder.Component(component), component, build, isOmitted, dtype);

    /// <summary>Builds a network from weights that stand outside of the model, such as a ControlNet.</summary>
    /// <param name="path">A file, or a folder with one or an index of shards.</param>
    /// <param name="component">What it is in a model.</param>
    /// <param name="build">Makes the network from the root of its parameter names.</param>
    /// <param name="isOmitted">Tensors of published weights that the network leaves out on purpose.</param>
    /// <param name="dtype">Element type of the parameters; <see cref="Compute"/> by default.</param>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network; the message lists every difference.</exception>
    public TModule LoadFrom<TModule>(string path, string component, Func<ParameterPath, TModule> build, Func<string, bool>? isOmitted = null, DType? dtype = null)
        where TModule : Module
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(build);
        using Checkpoint file = Checkpoint.Open(path);
        FoundComponent? published = DialectRecognition.FindPublished(file, component);
        IWeights weights = published?.Weights ?? file;
        if (Options.Loras.Count > 0)
        {
            weights = Changed(component, weights, published?.Map);
        }
        return Checkpoint.Build(weights, build, dtype ?? Compute, Device, isOmitted: isOmitted, storage: Options.Storage, streamed: Options.Offload == Offload.Block);
    }

    /// <summary>Closes the LoRA files. Networks that were loaded stay.</summary>
    public void Dispose() => _loras.Dispose();

    // Every change finds its layer before any network is loaded.
    private void CheckLoras()
    {
        if (Options.Loras.Count == 0)
        {
            return;
        }
        foreach (string component in Folder.Components.Keys.Where(LoraSet.Reaches))
        {
            using Checkpoint file = Checkpoint.Open(Folder.Component(component));
            FoundComponent? published = DialectRecognition.FindPublished(file, component);
            _ = Changed(component, published?.Weights ?? file, published?.Map);
        }
        _loras.ThrowUnlessUsed();
    }

    private IWeights Changed(string component, IWeights weights, KeyMap? published)
    {
        if (!LoraSet.Reaches(component) || !Folder.Has(component))
        {
            return weights;
        }
        // Files of LoRA name layers as their tool does: as we do, or as the authors of the system.
        string className = NetworkCatalog.ClassNameOf(Folder.Config(component)) ?? Folder.Components[component];
        return _loras.Apply(component, weights, published ?? PublishedLayouts.Find(className, weights)?.Map, Options.LoraMode);
    }
}
