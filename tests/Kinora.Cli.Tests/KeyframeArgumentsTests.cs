using Kinora.Cli.Generation;
using Kinora.Cli.Shell;

namespace Kinora.Cli.Tests;

public sealed class KeyframeArgumentsTests
{
    [Fact]
    public void Parse_FramesAndTheLast_GivesThemWithTheirFiles() =>
        KeyframeArguments.Parse(["40=a=b.png", "last=end.png"]).ShouldBe([(40, "a=b.png"), (-1, "end.png")]);

    [Theory]
    [InlineData("end.png")]
    [InlineData("=end.png")]
    [InlineData("-3=end.png")]
    [InlineData("4=")]
    [InlineData("first=a.png")]
    public void Parse_OfAnotherForm_SaysWhatIsExpected(string value) =>
        Should.Throw<CommandException>(() => KeyframeArguments.Parse([value])).Message.ShouldContain("last=end.png");
}
