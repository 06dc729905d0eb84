using Kinora.Engine;
using Kinora.Media;

namespace Kinora.Models.Systems.Clip;

// From pictures to what the image encoders of CLIP and SigLIP read.
// Source: huggingface/transformers d6751d91, models/clip/image_processing_clip.py and models/siglip/image_processing_siglip.py:
// resize with Pillow on 8 bits, crop the center, scale to [0, 1], subtract the mean, divide by the deviation.
//
// Shapes    B pictures  H,W the encoder's size
// Numerics  8-bit resampling as in Pillow; float32 from there.
public sealed class ClipImageProcessor
{
    private const int Channels = 3;
    private readonly ClipImageProcessorConfig _config;

    /// <exception cref="ConfigException">The configuration is wrong.</exception>
    public ClipImageProcessor(ClipImageProcessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        _config = config;
    }

    /// <summary>Reads <c>preprocessor_config.json</c> of a component folder.</summary>
    public static ClipImageProcessor Load(string folder) =>
        new(ModelConfigJson.ReadFile(Path.Combine(folder, "preprocessor_config.json"), ClipJson.Default.ClipImageProcessorConfig));

    /// <summary>The pictures as the encoder wants them, float32 [B, 3, H, W].</summary>
    /// <param name="pictures">At least one; of one size after processing.</param>
    public Tensor Process(params IReadOnlyList<VideoFrame> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Stack([.. pictures.Select(p => Normalize(Crop(Resize(p))))], 0));
    }

    /// <summary>The first step alone: the picture in its new size, before the crop.</summary>
    public VideoFrame Resize(VideoFrame picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (!_config.DoResize) return picture;
        var (edge, height, width) = _config.ResizeTo;
        if (edge is { } shortest)
        {
            // The longer side is cut to a whole pixel, not rounded.
            int shorter = Math.Min(picture.Width, picture.Height), longer = (int)((double)shortest * Math.Max(picture.Width, picture.Height) / shorter);
            (height, width) = picture.Height <= picture.Width ? (shortest, longer) : (longer, shortest);
        }
        return PillowResize.Resize(picture, width, height, (PillowFilter)_config.Resample);
    }

    // The center of a picture; outside a smaller one it is black.
    private VideoFrame Crop(VideoFrame picture)
    {
        if (!_config.DoCenterCrop) return picture;
        var (height, width) = _config.CropTo;
        if (picture.Height < height || picture.Width < width) picture = Pad(picture, Math.Max(height, picture.Height), Math.Max(width, picture.Width));
        return ImageResize.Crop(picture, (picture.Width - width) / 2, (picture.Height - height) / 2, width, height);
    }

    private static VideoFrame Pad(VideoFrame picture, int height, int width)
    {
        var rgb = new byte[height * width * Channels];
        int top = (height - picture.Height + 1) / 2, left = (width - picture.Width + 1) / 2, row = picture.Width * Channels;
        for (var y = 0; y < picture.Height; y++)
            picture.Rgb.AsSpan(y * row, row).CopyTo(rgb.AsSpan(((top + y) * width + left) * Channels));
        return new VideoFrame(width, height, rgb);
    }

    private Tensor Normalize(VideoFrame picture)                                                 // [3, H, W]
    {
        int size = picture.Width * picture.Height;
        var values = new float[Channels * size];
        for (var c = 0; c < Channels; c++)
        {
            float mean = (float)_config.ImageMean[c], std = (float)_config.ImageStd[c];
            for (var i = 0; i < size; i++)
            {
                double level = picture.Rgb[i * Channels + c];
                var value = (float)(_config.DoRescale ? level * _config.RescaleFactor : level);
                values[c * size + i] = _config.DoNormalize ? (value - mean) / std : value;
            }
        }
        return Tensor.FromArray(values, Channels, picture.Height, picture.Width);
    }
}
