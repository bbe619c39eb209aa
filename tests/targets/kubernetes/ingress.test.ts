import { expect, test } from "vitest";
import type { ClusterModel, EndpointModel } from "../../../src/model/platform.ts";
import { services } from "../../../src/services/index.ts";
import { ingressArgs, pagesOf, publicUrls } from "../../../src/targets/kubernetes/ingress.ts";
import { inCluster } from "../../support/clusters.ts";
import { modelOf } from "../../support/project.ts";

const resolved = (yaml: string) => {
  const model = modelOf(yaml, "staging", services);
  return { model, cluster: model.cluster as ClusterModel };
};
const onPort = inCluster.replace("host: lab.example.com", "host: lab.example.com, port: 8443");

test("GIVEN pages WHEN they are published THEN each has a name of its own and leads to the gateway's number for it", () => {
  const { model, cluster } = resolved(inCluster);
  const pages = pagesOf(model, cluster).map(({ host, service, port }) => `${host} ${service}:${port}`);
  expect(pages).toContain("dashboard.lab.example.com gateway:8501");
  expect(pages).toContain("object-store.lab.example.com gateway:9000");
  expect(pages).toContain("object-store-console.lab.example.com gateway:9001");
  // Its main part has no page: a proxy of its own is before it, and people know nothing of that.
  expect(pages).toContain("jupyterhub.lab.example.com gateway:8000");
  expect(pages).toContain("spark-history.lab.example.com gateway:18080");
  expect(new Set(pages.map((page) => page.split(" ")[0])).size).toBe(pages.length);
});

test("GIVEN a protocol other than HTTP WHEN it is published THEN it stays inside", () => {
  const { model, cluster } = resolved(inCluster);
  expect(pagesOf(model, cluster).filter(({ endpoint }) => endpoint.protocol === "tcp")).toEqual([]);
});

test("GIVEN a controller on another port WHEN people open a page THEN its address says so", () => {
  const { model, cluster } = resolved(onPort);
  const ui = model.services
    .flatMap((s) => s.workloads)
    .find(({ name }) => name === "dashboard")
    ?.endpoints.find(({ name }) => name === "ui") as EndpointModel;
  expect(publicUrls(model, cluster)(ui)).toBe("https://dashboard.lab.example.com:8443");
});

test("GIVEN a certificate of one's own WHEN pages are served THEN it is that one, for every name", () => {
  const { model, cluster } = resolved(
    inCluster.replace("host: lab.example.com", "host: lab.example.com, tlsSecret: wildcard"),
  );
  const { spec } = ingressArgs(model, cluster) as {
    spec: { tls: { secretName: string; hosts: string[] }[]; rules: { host: string }[] };
  };
  expect(spec.tls.map(({ secretName }) => secretName)).toEqual(["wildcard"]);
  expect(spec.tls[0]?.hosts).toEqual(spec.rules.map(({ host }) => host));
});

test("GIVEN no gateway WHEN a page is published THEN it leads to the service itself", () => {
  const { model, cluster } = resolved(`${inCluster}services: { gateway: { enabled: false } }`);
  const pages = pagesOf(model, cluster).map(({ host, service, port }) => `${host} ${service}:${port}`);
  expect(pages).toContain("dashboard.lab.example.com dashboard:8501");
});
