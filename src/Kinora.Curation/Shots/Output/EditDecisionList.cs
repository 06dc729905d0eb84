// CMX 3600 edit decision list, one event per shot, as editing programs import it.
using System.Globalization;
using System.Text;

namespace Kinora.Curation.Shots.Output;

/// <summary>Shots as EDL; non-drop timecodes on the clip's frame grid.</summary>
public static class EditDecisionList
{
    /// <summary>The file's text.</summary>
    public static string Write(ShotList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        string title = Path.GetFileNameWithoutExtension(list.Path);
        var text = new StringBuilder($"TITLE: {title}\nFCM: NON-DROP FRAME\n\n");
        for (int i = 0; i < list.Shots.Count; i++)
        {
            string from = Timecode.Frames(list.Shots[i].Start, list.FrameRate), to = Timecode.Frames(list.Shots[i].End, list.FrameRate);
            text.Append(CultureInfo.InvariantCulture, $"{i + 1:000}  AX       V     C        {from} {to} {from} {to}\n* FROM CLIP NAME: {Path.GetFileName(list.Path)}\n");
        }
        return text.ToString();
    }
}
