using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>Makes clips from words, an image, or a clip to continue. Safe to share: requests run one after the other.</summary>
public interface IVideoGenerator
{
    /// <summary>Makes clips.</summary>
    /// <param name="request">What they should show.</param>
    /// <param name="options">How; the model's own defaults where null.</param>
    /// <param name="progress">Told after every sampling step, on the caller's context as <see cref="Progress{T}"/> does it.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <exception cref="GenerationRequestException">The request cannot be carried out as asked.</exception>
    /// <exception cref="ConfigException">The model's configuration is wrong.</exception>
    /// <exception cref="CheckpointException">The model's weights are damaged.</exception>
    Task<IReadOnlyList<GeneratedVideo>> GenerateAsync(VideoGenerationRequest request, VideoGenerationOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Makes one clip and hands out its frames as they are decoded.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    IAsyncEnumerable<VideoFrame> StreamAsync(VideoGenerationRequest request, VideoGenerationOptions? options = null, IProgress<GenerationProgress>? progress = null, CancellationToken cancellationToken = default);
}
