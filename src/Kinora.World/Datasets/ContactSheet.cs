using Kinora.Media;

namespace Kinora.World.Datasets;

/// <summary>A picture of many clips: a row per clip, a column per moment.</summary>
public static class ContactSheet
{
    private const int Gap = 2, MaxColumns = 9, MaxTileHeight = 128;
    private const byte GapColor = 255;

    /// <summary>Draws the scenes afresh, in the proportions of <paramref name="width"/>×<paramref name="height"/> but at most 128 pixels high.</summary>
    /// <param name="scenes">At least one.</param>
    /// <param name="frames">Frames of a clip; up to nine of them are shown, the first and the last among them.</param>
    public static VideoFrame Draw(IReadOnlyList<Scene> scenes, int width, int height, int frames)
    {
        ArgumentNullException.ThrowIfNull(scenes);
        if (scenes.Count == 0)
            throw new ArgumentException("a contact sheet shows at least one clip, got none", nameof(scenes));
        int tileHeight = Math.Min(height, MaxTileHeight), tileWidth = Math.Max(8, width * tileHeight / height), columns = Math.Min(frames, MaxColumns);
        int sheetWidth = columns * (tileWidth + Gap) - Gap, sheetHeight = scenes.Count * (tileHeight + Gap) - Gap, frameBytes = tileWidth * tileHeight * 3;
        var sheet = new byte[sheetWidth * sheetHeight * 3];
        Array.Fill(sheet, GapColor);
        var clip = new byte[frameBytes * frames];
        for (int row = 0; row < scenes.Count; row++)
        {
            Renderer.Render(scenes[row], tileWidth, tileHeight, frames, clip);
            for (int column = 0; column < columns; column++)
            {
                int frame = columns == 1 ? 0 : column * (frames - 1) / (columns - 1);
                for (int y = 0; y < tileHeight; y++)
                {
                    clip.AsSpan(frame * frameBytes + y * tileWidth * 3, tileWidth * 3)
                        .CopyTo(sheet.AsSpan(((row * (tileHeight + Gap) + y) * sheetWidth + column * (tileWidth + Gap)) * 3));
                }
            }
        }
        return new VideoFrame(sheetWidth, sheetHeight, sheet);
    }
}
