using System.Globalization;
using System.Text;
using Kinora.Training.Loop;
using Kinora.Training.Recipes;

namespace Kinora.Training;

/// <summary>README.md of a model folder.</summary>
internal static class ModelCard
{
    public static void Write(RunFolder run, Recipe recipe, StageResult generator)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {recipe.Name}\n\n");
        text.Append("A text-to-video model: causal video autoencoder, text encoder, diffusion transformer trained by flow matching.\n\n");
        text.Append("## Use\n\n    kinora generate \"a red balloon rises over a night city\" -o balloon.mp4\n\n");
        text.Append("## Data\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Clips of Kinora's procedural world, {recipe.World.Width}×{recipe.World.Height}, {recipe.World.Frames} frames at {recipe.World.FrameRate} frames per second, rendered from seeds. Held-out combinations of noun, color, motion and setting were never shown.\n\n");
        text.Append("## Training\n\n| stage | steps | minutes | final loss |\n|---|---|---|---|\n");
        foreach (string stage in TrainingRun.Stages)
        {
            var result = stage == generator.Stage ? generator : run.Result(stage);
            if (result is not null)
                text.Append(CultureInfo.InvariantCulture, $"| {stage} | {result.Steps} | {result.ElapsedSeconds / 60:F0} | {result.Loss:G4} |\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"\nRecipe: `kinora train recipes/{recipe.Name}.yaml`, seed {recipe.Seed}. Weights are exponential moving averages, stored in bfloat16.\n\n");
        text.Append("## Scores\n\nNot measured yet. `kinora bench quality` measures them.\n");
        File.WriteAllText(Path.Combine(run.Model, "README.md"), text.ToString());
    }
}
