/** Configurations of stacks that run in a cluster. */
export const inCluster = `
target: kubernetes
images:
  source: registry
  registry: registry.example.com/lab
  digests:
${["python", "pipelines", "services", "spark", "notebook", "dashboard", "core", "gateway", "base"]
  .map(
    (name, i) =>
      `    ${name}: sha256:${String(i + 1)
        .repeat(64)
        .slice(0, 64)}`,
  )
  .join("\n")}
kubernetes: { context: lab, ingress: { host: lab.example.com } }
`;
