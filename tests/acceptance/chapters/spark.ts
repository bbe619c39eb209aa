import { describe, expect, test } from "vitest";
import { onlyInAll } from "../../support/tier.ts";
import type { Stage } from "../support/stage.ts";

/**
 * Runs where pipelines run: delta-rs writes, Spark reads and writes, delta-rs and DuckDB read what Spark
 * wrote.
 */
const script = `
import json, os
import duckdb, pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession, functions as f

store = {
    "AWS_ENDPOINT_URL": os.environ["DATALAB_S3_ENDPOINT"],
    "AWS_ACCESS_KEY_ID": os.environ["DATALAB_S3_ACCESS_KEY"],
    "AWS_SECRET_ACCESS_KEY": os.environ["DATALAB_S3_SECRET_KEY"],
    "AWS_REGION": os.environ["DATALAB_S3_REGION"],
    "AWS_ALLOW_HTTP": "true",
    "aws_conditional_put": "etag",
}
rows = pa.table({"key": [n % 7 for n in range(70_000)], "value": list(range(70_000))})
write_deltalake("s3://artifacts/acceptance_spark/in", rows, mode="overwrite", storage_options=store)

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
bronze = spark.read.format("delta").load("s3a://artifacts/acceptance_spark/in")
sums = bronze.groupBy("key").agg(f.count("*").alias("n"), f.sum("value").alias("total"))
sums.write.format("delta").mode("overwrite").save("s3a://artifacts/acceptance_spark/out")
doubled = f.udf(lambda x: x * 2, "int")
python = [row[0] for row in spark.range(3).select(doubled(f.col("id").cast("int"))).collect()]
version = spark.version
spark.stop()

gold = DeltaTable("s3://artifacts/acceptance_spark/out", storage_options=store).to_pyarrow_table()
read = duckdb.sql("SELECT key, n, total FROM gold ORDER BY key").fetchall()
print(json.dumps({"version": version, "python": sorted(python), "gold": read}))
`;

export function sparkOnTheLake(stage: Stage): void {
  const inside = (...command: string[]) =>
    stage.project.docker("exec", stage.container("prefect-worker"), ...command);

  describe("Spark on the lake", () => {
    test("reads what delta-rs wrote, writes what delta-rs and DuckDB read, and runs Python in its workers", async () => {
      const token = await stage.secret("spark/token");
      const answer = stage.project.docker(
        ...["exec", "--env", `SPARK_REMOTE=sc://spark-connect:15002/;authorization=Bearer%20${token}`],
        // datalab-start gives it the secrets that the worker's own process has.
        ...[stage.container("prefect-worker"), "datalab-start", "python", "-W", "ignore", "-c", script],
      );
      expect(JSON.parse(answer.trim().split("\n").at(-1) ?? "")).toEqual({
        version: "4.1.1",
        python: [0, 2, 4],
        gold: Array.from({ length: 7 }, (_, key) => [key, 10_000, 349_965_000 + key * 10_000]),
      });
    });

    test("refuses a client without the token", () => {
      const stranger =
        "from pyspark.sql import SparkSession; " +
        "SparkSession.builder.remote('sc://spark-connect:15002/;authorization=Bearer%20guess').create().version";
      expect(() => inside("python", "-W", "ignore", "-c", stranger)).toThrow();
    });

    onlyInAll(() =>
      test("has the application that ended in the history, with its jobs", async () => {
        stage.project.docker("restart", stage.container("spark-connect"));
        const applications = () =>
          JSON.parse(
            inside(
              "curl",
              "--silent",
              "--fail",
              "http://spark-history:18080/api/v1/applications?status=completed",
            ),
          ) as { id: string; name: string }[];
        await expect
          .poll(() => applications().length, { timeout: 90_000, interval: 2000 })
          .toBeGreaterThan(0);
        const [application] = applications();
        expect(application?.name).toBe("connect");
        const jobs = JSON.parse(
          inside(
            "curl",
            "--silent",
            "--fail",
            `http://spark-history:18080/api/v1/applications/${application?.id}/jobs`,
          ),
        ) as { status: string }[];
        expect(jobs.some(({ status }) => status === "SUCCEEDED")).toBe(true);
      }),
    );
  });
}
