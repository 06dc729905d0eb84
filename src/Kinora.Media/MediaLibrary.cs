// What the installed libav libraries can do, for `kinora doctor`.
using Kinora.Media.Native;

namespace Kinora.Media;

/// <summary>Facts about the native media library.</summary>
public static unsafe class MediaLibrary
{
    /// <summary>One line with the versions of the libav libraries loaded.</summary>
    /// <exception cref="MediaException">The native library is missing or of another version.</exception>
    public static string Versions
    {
        get
        {
            NativeMedia.EnsureLoaded();
            return NativeMedia.Text(NativeMethods.km_build_info());
        }
    }

    /// <summary>Whether clips can be written in a format here. GIF, PNG and folders need no codec.</summary>
    /// <exception cref="MediaException">The native library is missing or of another version.</exception>
    public static bool CanWrite(VideoFormat format, bool lossless = false)
    {
        NativeMedia.EnsureLoaded();
        return format switch
        {
            VideoFormat.Mp4 => NativeMethods.km_has_encoder(lossless ? "libx264rgb" : "libx264") != 0,
            VideoFormat.WebM => NativeMethods.km_has_encoder("libvpx-vp9") != 0,
            _ => true,
        };
    }
}
