using Kinora.Evaluation.Features;
using Kinora.Media;

namespace Kinora.Evaluation.Clips;

/// <summary>A network that turns clips into feature vectors, for distances between sets of clips.</summary>
public interface IClipFeatures
{
    /// <summary>The network and its layer.</summary>
    string Features { get; }

    /// <summary>What is done to frames.</summary>
    string Preprocessing { get; }

    /// <summary>Hash of the weights.</summary>
    string WeightsSha256 { get; }

    /// <summary>What a Fréchet distance and a kernel distance of these features are called.</summary>
    (string Frechet, string Kernel) Names { get; }

    /// <summary>Numbers in a vector.</summary>
    int Dimension { get; }

    /// <summary>The name of the inception score, where the network is a classifier; null otherwise.</summary>
    string? ClassifierScore => null;

    /// <summary>The vectors of a clip, row-major; one for the clip or one for each frame.</summary>
    /// <exception cref="EvaluationException">The clip cannot be used.</exception>
    double[] Of(Clip clip);

    /// <summary>Class probabilities of features, of a classifier.</summary>
    FeatureMatrix Probabilities(FeatureMatrix features) => throw new NotSupportedException($"{Features}: no classifier.");
}
