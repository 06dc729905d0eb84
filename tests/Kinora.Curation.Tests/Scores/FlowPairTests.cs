// Flow fields that are known by construction.
using Kinora.Curation.Scores;

namespace Kinora.Curation.Tests.Scores;

public sealed class FlowPairTests
{
    private const int Width = 96, Height = 64;

    [Fact]
    public void Of_AShift_IsItsLengthAndACameraPan()
    {
        var pair = Pair((_, _) => (3, -4), (_, _) => (-3, 4), Textured());
        pair.Mean.ShouldBe(5, 1e-6);
        pair.FollowedMean.ShouldBe(5, 1e-6);
        pair.Camera.ShouldNotBeNull().PanX.ShouldBe(3, 1e-6);
        pair.Camera.PanY.ShouldBe(-4, 1e-6);
        // What leaves the picture on the right and at the top is not followed.
        pair.Followed.ShouldBe((double)(Width - 3) * (Height - 4) / (Width * Height), 1e-9);
        FlowPairs.Speed(pair).ShouldBe(100 * 5 / Math.Sqrt((Width * Width) + (Height * Height)) / 0.25, 1e-6);
    }

    [Fact]
    public void Of_AFlowThatDoesNotReturn_IsNotFollowed()
    {
        // The right half comes back from elsewhere, as where something is covered.
        var pair = Pair((x, _) => x < Width / 2 ? (2, 0) : (9, 0), (_, _) => (-2, 0), Textured());
        pair.Followed.ShouldBe(0.5, 0.03);
        pair.FollowedMean.ShouldBe(2, 1e-6);
        pair.Mean.ShouldBe(5.5, 1e-6);
    }

    [Fact]
    public void FlatPictures_HaveUnknownMotion_WhateverTheFlowSays()
    {
        var pair = Pair((_, _) => (0, 0), (_, _) => (0, 0), Enumerable.Repeat((byte)90, Width * Height).ToArray());
        pair.Followed.ShouldBe(0);
        pair.Camera.ShouldBeNull();
        var score = FlowPairs.Mean(ScoreNames.RaftMotion, [pair], FlowPairs.Speed);
        score.Value.ShouldBeNull();
        score.Unavailable.ShouldNotBeNull().ShouldContain("too little");
    }

    [Fact]
    public void Of_AnObject_IsWhatTheCameraDoesNotExplain()
    {
        static (float, float) Forward(int x, int y) => x is >= 30 and < 54 && y is >= 20 and < 44 ? (6, 0) : (1, 0);
        static (float, float) Backward(int x, int y) => x is >= 36 and < 60 && y is >= 20 and < 44 ? (-6, 0) : (-1, 0);
        var pair = Pair(Forward, Backward, Textured());
        pair.Camera.ShouldNotBeNull().PanX.ShouldBe(1, 0.01);
        pair.Camera.Camera.ShouldBe(1, 0.05);
        pair.Camera.Object.ShouldBe(5.0 * 24 * 24 / (Width * Height), 0.2);
    }

    private static FlowPair Pair(Func<int, int, (float X, float Y)> forward, Func<int, int, (float X, float Y)> backward, byte[] gray) =>
        FlowPair.Of(Field(forward), Field(backward), gray, Width, (10, 1), (14, 1.25));

    private static float[] Field(Func<int, int, (float X, float Y)> at)
    {
        var field = new float[2 * Width * Height];
        for (int i = 0; i < Width * Height; i++) { (field[2 * i], field[(2 * i) + 1]) = at(i % Width, i / Width); }
        return field;
    }

    private static byte[] Textured() => [.. Enumerable.Range(0, Width * Height).Select(i => (byte)(100 + (40 * ((i + (i / Width / 2)) % 3))))];
}
