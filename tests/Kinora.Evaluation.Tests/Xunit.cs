// Tests count live tensors of the whole process, so they run one after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
