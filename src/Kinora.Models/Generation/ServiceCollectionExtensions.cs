using Kinora.Models.Generation;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registration of Kinora.</summary>
public static class KinoraServiceCollectionExtensions
{
    /// <summary>Adds <see cref="IVideoGenerator"/> with the model that the options name. Loading waits for the first request.</summary>
    public static IServiceCollection AddKinora(this IServiceCollection services, Action<KinoraOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddOptions<KinoraOptions>()
            .Validate(o => o.Model.Length > 0, "KinoraOptions.Model is empty; give a model folder or the name of one.");
        if (configure is not null)
        {
            options.Configure(configure);
        }
        services.TryAddSingleton<IVideoGenerator>(provider => new KinoraVideoGenerator(provider.GetRequiredService<IOptions<KinoraOptions>>().Value));
        return services;
    }
}
