using Kinora.Cli.Generation;
using Kinora.Cli.Shell;
using Kinora.Models;

namespace Kinora.Cli.Tests;

public sealed class ComponentArgumentsTests
{
    [Fact]
    public void Parse_NamesAndOneFolder_GivesBoth()
    {
        ModelParts parts = ComponentArguments.Parse(["vae=a.safetensors", "models/sd15", "tokenizer=t=1"], "mm.ckpt");
        parts.Folder.ShouldBe("models/sd15");
        parts.Components.ShouldBe(new Dictionary<string, string> { ["vae"] = "a.safetensors", ["tokenizer"] = "t=1", ["motion_adapter"] = "mm.ckpt" }, ignoreOrder: true);
    }

    [Theory]
    [InlineData("vae=", "expected a component and its place")]
    [InlineData("=vae.safetensors", "expected a component and its place")]
    [InlineData("vae=b", "was given already")]
    [InlineData("other", "one such folder")]
    public void Parse_AnotherForm_SaysWhatIsExpected(string value, string message) =>
        Should.Throw<CommandException>(() => ComponentArguments.Parse(["vae=a", "folder", value])).Message.ShouldContain(message);
}
