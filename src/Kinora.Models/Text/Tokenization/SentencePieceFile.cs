// spiece.model: the protocol buffer of a trained SentencePiece model.
// Source: google/sentencepiece v0.1.97, src/sentencepiece_model.proto (field numbers); protobuf.dev, "Encoding" (wire format).

using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Kinora.Engine;

namespace Kinora.Models.Text.Tokenization;

/// <summary>The parts of a SentencePiece file that encoding needs.</summary>
internal sealed record SentencePieceFile(UnigramPiece[] Pieces, int UnknownId, bool ByteFallback, SentencePieceNormalizer Normalizer)
{
    private const long MaxFileBytes = 64L << 20;
    private const int UnigramType = 1;

    /// <exception cref="ConfigException">The file cannot be read, is damaged, or holds another kind of model than Unigram.</exception>
    public static SentencePieceFile Read(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (info.Length > MaxFileBytes)
            {
                throw new ConfigException($"{path}: {info.Length} bytes; a SentencePiece model has at most {MaxFileBytes}.");
            }
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }

    /// <exception cref="ConfigException">As <see cref="Read"/>.</exception>
    public static SentencePieceFile Parse(ReadOnlySpan<byte> bytes, string source)
    {
        var pieces = new List<UnigramPiece>();
        int modelType = UnigramType, unknown = 0;
        bool byteFallback = false, dummyPrefix = true, removeExtra = true, escape = true, asSuffix = false;
        ReadOnlySpan<byte> map = [];
        var message = new Message(bytes, source);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    pieces.Add(ReadPiece(message.Bytes, source));
                    break;
                case 2:
                    var trainer = new Message(message.Bytes, source);
                    while (trainer.Next())
                    {
                        switch (trainer.Field)
                        {
                            case 3: modelType = (int)trainer.Number; break;
                            case 24: asSuffix = trainer.Number != 0; break;
                            case 35: byteFallback = trainer.Number != 0; break;
                            case 40: unknown = (int)trainer.Number; break;
                            default: break;
                        }
                    }
                    break;
                case 3:
                    var normalizer = new Message(message.Bytes, source);
                    while (normalizer.Next())
                    {
                        switch (normalizer.Field)
                        {
                            case 2: map = normalizer.Bytes; break;
                            case 3: dummyPrefix = normalizer.Number != 0; break;
                            case 4: removeExtra = normalizer.Number != 0; break;
                            case 5: escape = normalizer.Number != 0; break;
                            default: break;
                        }
                    }
                    break;
                default:
                    break;
            }
        }
        if (modelType != UnigramType)
        {
            throw new ConfigException($"{source}: a SentencePiece model of type {modelType}; Kinora reads Unigram models (type {UnigramType}).");
        }
        if (asSuffix)
        {
            throw new ConfigException($"{source}: treat_whitespace_as_suffix is on, which is not supported.");
        }
        if (pieces.Count == 0)
        {
            throw new ConfigException($"{source}: no pieces; this is not a SentencePiece model.");
        }
        return new SentencePieceFile([.. pieces], unknown, byteFallback, new SentencePieceNormalizer(CharsMap.Parse(map, source), dummyPrefix, removeExtra, escape));
    }

    private static UnigramPiece ReadPiece(ReadOnlySpan<byte> bytes, string source)
    {
        string text = "";
        float score = 0;
        var kind = PieceKind.Normal;
        var message = new Message(bytes, source);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1: text = Encoding.UTF8.GetString(message.Bytes); break;
                case 2: score = BitConverter.Int32BitsToSingle((int)message.Number); break;
                case 3: kind = (PieceKind)message.Number; break;
                default: break;
            }
        }
        return Enum.IsDefined(kind) ? new UnigramPiece(text, score, kind)
            : throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"{source}: piece '{text}' is of the unknown type {(int)kind}."));
    }

    /// <summary>A forward reader of one message.</summary>
    private ref struct Message(ReadOnlySpan<byte> bytes, string source)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public int Field { get; private set; }

        public ulong Number { get; private set; }

        public ReadOnlySpan<byte> Bytes { get; private set; }

        public bool Next()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }
            ulong key = Varint();
            Field = (int)(key >> 3);
            Bytes = [];
            Number = 0;
            switch (key & 7)
            {
                case 0:
                    Number = Varint();
                    break;
                case 1:
                    Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                    break;
                case 2:
                    Bytes = Take(Varint());
                    break;
                case 5:
                    Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                    break;
                default:
                    throw new ConfigException($"{source}: damaged: field {Field} has the wire type {key & 7}.");
            }
            return true;
        }

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_rest.Length)
            {
                throw new ConfigException($"{source}: damaged: field {Field} needs {count} bytes, {_rest.Length} are left.");
            }
            ReadOnlySpan<byte> taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; shift < 64; shift += 7)
            {
                if (_rest.IsEmpty)
                {
                    throw new ConfigException($"{source}: damaged: it ends inside a number.");
                }
                byte b = _rest[0];
                _rest = _rest[1..];
                value |= (ulong)(b & 0x7F) << shift;
                if (b < 0x80)
                {
                    return value;
                }
            }
            throw new ConfigException($"{source}: damaged: a number of more than 64 bits.");
        }
    }
}
