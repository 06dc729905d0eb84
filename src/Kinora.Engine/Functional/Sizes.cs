namespace Kinora.Engine;

/// <summary>Two extents (height, width); a single number means both.</summary>
public readonly record struct Size2(long Height, long Width)
{
    public static implicit operator Size2(long both) => new(both, both);
    public static implicit operator Size2((long Height, long Width) size) => new(size.Height, size.Width);

    internal bool IsDefault => this == default;

    internal Size2 OrOne() => IsDefault ? new Size2(1, 1) : this;

    internal unsafe void Write(long* p)
    {
        p[0] = Height;
        p[1] = Width;
    }
}

/// <summary>Three extents (frames, height, width); a single number means all.</summary>
public readonly record struct Size3(long Frames, long Height, long Width)
{
    public static implicit operator Size3(long all) => new(all, all, all);
    public static implicit operator Size3((long Frames, long Height, long Width) size) => new(size.Frames, size.Height, size.Width);

    internal bool IsDefault => this == default;

    internal Size3 OrOne() => IsDefault ? new Size3(1, 1, 1) : this;

    internal unsafe void Write(long* p)
    {
        p[0] = Frames;
        p[1] = Height;
        p[2] = Width;
    }
}
