using Kinora.Engine;
using Kinora.Models.Generation;

namespace Kinora.Models.Tests.Generation;

public sealed class StoryFileTests
{
    [Fact]
    public void Parts_OfFramesAndSeconds_FollowOneAnother()
    {
        const string Text = """
            # a comment, an empty line, quotes

            0-16: a red balloon: rising
            16: "a fox runs"
            2.5s - 4s: 'a star spins'
            """;
        StoryFile.Parse(Text, "story.txt").Parts(frameRate: 10, frames: null)
            .ShouldBe([new StoryPart("a red balloon: rising", 16), new StoryPart("a fox runs", 9), new StoryPart("a star spins", 15)]);
    }

    [Fact]
    public void Parts_LastWithoutEnd_LastsAsLongAsTheClip()
    {
        StoryFile story = StoryFile.Parse("0: a\n8: b", "story.txt");
        story.Parts(8, 33).ShouldBe([new StoryPart("a", 8), new StoryPart("b", 25)]);
        Should.Throw<ConfigException>(() => story.Parts(8, null)).Message.ShouldBe("story.txt, line 2: the last part has no end: write one, or say with --frames how long the clip is.");
    }

    [Theory]
    [InlineData("a red balloon", "line 1: \"a red balloon\" is no part of a story")]
    [InlineData("0-8: a\n\n8-x: b", "line 3: \"8-x: b\" is no part")]
    [InlineData("0-8:", "line 1")]
    [InlineData("0-8: \"\"", "line 1")]
    [InlineData("# nothing", "has 1 to 1000 parts, this has 0")]
    [InlineData("4-8: a", "line 1: a story begins at 0")]
    [InlineData("0-8: a\n9-12: b", "line 2: it begins at frame 9, and the part before ends at 8")]
    [InlineData("0-8: a\n7-12: b", "line 2: it begins at frame 7")]
    [InlineData("0-0: a", "line 1: it ends at frame 0 and begins at 0")]
    [InlineData("0-8: a\n8-12: b", "line 2: the story ends at frame 12; --frames says 33")]
    public void Parts_OfAWrongFile_NameTheLine(string text, string expected) =>
        Should.Throw<ConfigException>(() => StoryFile.Parse(text, "story.txt").Parts(8, 33)).Message.ShouldContain(expected);
}
