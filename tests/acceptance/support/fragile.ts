/** A service of the tests' own whose only part runs what a test says. */
export const file = "services/fragile.yaml";
export const definition = (command: string) => `name: fragile
summary: A service of the acceptance tests.
version: "1"
backup: none
parts:
  main:
    image: python
    command: ["bash", "-c", "${command}"]
    endpoints: {web: {port: 8099}}
    probe: {command: ["curl", "--fail", "--silent", "http://127.0.0.1:8099/"]}
    resources: {cpu: 50m, memory: 64Mi}
checks:
  answers: {summary: It answers., every: 5s, http: {endpoint: web, path: /}}
`;
