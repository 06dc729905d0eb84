// Training uses every core and the tests start processes, so they run one after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
