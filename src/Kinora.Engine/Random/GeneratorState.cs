namespace Kinora.Engine.Random;

/// <summary>Where a <see cref="Generator"/> stands: everything needed to continue its sequence exactly.</summary>
/// <param name="Seed">The Philox key.</param>
/// <param name="Stream">The upper half of the counter.</param>
/// <param name="Block">The lower half of the counter: the next block of four words to produce.</param>
/// <param name="Used">Words already taken from block <c>Block − 1</c>; 4 when none is left over.</param>
public readonly record struct GeneratorState(ulong Seed, ulong Stream, ulong Block, int Used);
