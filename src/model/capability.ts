/**
 * What a service can provide: databases, buckets, the health of the whole platform, a gateway (its container
 * publishes the ports of all), the orchestrator that runs pipelines, or the central log store.
 */
export const capabilities = ["database", "bucket", "health", "gateway", "orchestrator", "logs"] as const;
export type Capability = (typeof capabilities)[number];
