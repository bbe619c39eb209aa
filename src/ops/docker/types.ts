/** The engine's types of what a stack has on a Docker host. */
export const dockerTypes = {
  container: "docker:index/container:Container",
  volume: "docker:index/volume:Volume",
  network: "docker:index/network:Network",
} as const;
