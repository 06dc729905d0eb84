namespace Kinora.Media.Fonts;

/// <summary>A glyph as a picture: R, G, B, A bytes, row-major without padding, colors premultiplied by alpha.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Rgba">Width·Height·4 bytes.</param>
public sealed record ColorGlyph(int Width, int Height, byte[] Rgba);
