using Kinora.Models.Systems.KinoraWorld;
using Kinora.Training.Data;
using Kinora.Training.Recipes;
using Kinora.World;

namespace Kinora.Training.Tests.Data;

public sealed class WorldSourceTests
{
    [Fact]
    public void Labels_ManyScenes_StayWithinTheirClassesAndTellTheTruth()
    {
        var attributes = new WorldSource(new WorldRecipe(), 1).Attributes;
        var seen = attributes.Select(_ => new HashSet<long>()).ToArray();
        for (ulong seed = 0; seed < 4000; seed++)
        {
            var scene = SceneSampler.Sample(seed);
            long[] labels = WorldSource.Labels(scene, CaptionGrammar.Describe(scene, seed + 1));
            labels.Length.ShouldBe(attributes.Count);
            labels[0].ShouldBe((long)scene.Actors[0].Noun);
            labels[2].ShouldBeOneOf(TextEncoderObjective.Unknown, (long)scene.Actors[0].Motion);
            labels[3].ShouldBeOneOf(TextEncoderObjective.Unknown, (long)scene.Setting);
            for (int a = 0; a < labels.Length; a++)
            {
                labels[a].ShouldBeOneOf([TextEncoderObjective.Unknown, .. Enumerable.Range(0, attributes[a].NumClasses).Select(c => (long)c)]);
                seen[a].Add(labels[a]);
            }
        }
        for (int a = 0; a < seen.Length; a++)
            seen[a].Count(l => l != TextEncoderObjective.Unknown).ShouldBe(attributes[a].NumClasses, attributes[a].Name);
    }

    [Fact]
    public void Labels_CaptionWithoutSettingOrMotion_LeavesThemUnknown()
    {
        var scene = SceneSampler.Sample(new Combination(Noun.Balloon, ActorColor.Red, Motion.Up, Setting.NightCity), 1);
        WorldSource.Labels(scene, "A red balloon rises")[2].ShouldBe((long)Motion.Up);
        WorldSource.Labels(scene, "A red balloon rises")[3].ShouldBe(TextEncoderObjective.Unknown);
        WorldSource.Labels(scene, "red balloon over a night city")[2].ShouldBe(TextEncoderObjective.Unknown);
        WorldSource.Labels(scene, "red balloon over a night city")[3].ShouldBe((long)Setting.NightCity);
    }
}
