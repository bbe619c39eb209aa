import { z } from "zod";

/** `datalab:platform.external`: a PostgreSQL server and an S3 service that exist already, used instead of our own. */

const secretName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'the name of a secret such as "s3-key"')
  .meta({ examples: ["s3-key"] });
const prefix = (what: string) =>
  z
    .string()
    .regex(/^(?:[a-z][a-z0-9-]{0,39})?$/, 'at most 40 lower case letters, digits and -, such as "lab-"')
    .default("")
    .describe(`What the names of ${what} begin with.`);

const database = z
  .strictObject({
    host: z
      .string()
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a host such as "db.example.com"')
      .describe("Where the server answers, as the stack's own network knows it."),
    port: z.int().min(1).max(65535).default(5432).describe("Its port."),
    tls: z
      .boolean()
      .default(true)
      .describe("Whether connections must be encrypted; the server's certificate is not verified."),
    prefix: prefix("databases and roles"),
    admin: z
      .strictObject({
        user: z
          .string()
          .regex(/^[a-z_][a-z0-9_-]{0,62}$/, 'a role such as "postgres"')
          .default("postgres")
          .describe("A role that may make databases and roles; it need not be a superuser."),
        secret: secretName.describe("Secret with its password: `datalab secrets set NAME` stores it."),
      })
      .optional()
      .describe(
        "Who makes a database and a role for each need at every up; absent: they exist, with the passwords `datalab:secret-database-<name>`.",
      ),
  })
  .describe("A PostgreSQL server that exists already: the service postgres then runs none.");

const key = z.strictObject({
  accessKey: z
    .string()
    .regex(/^[A-Za-z0-9._-]{3,128}$/, "an access key id")
    .describe("Id of the key."),
  secret: secretName.describe("Secret with the key itself: `datalab secrets set NAME` stores it."),
});

const bucket = z
  .strictObject({
    url: z
      .string()
      .regex(/^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?$/, 'an address such as "https://s3.example.com"')
      .describe("Where its S3 API answers; buckets are asked for in the path."),
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, 'a region such as "eu-central-1"')
      .default("us-east-1")
      .describe("Its region, which requests are signed for."),
    prefix: prefix("buckets"),
    credentials: key
      .optional()
      .describe(
        "The key that opens the buckets; absent: workloads show who they are by the identity that the place where they run gives them.",
      ),
    keys: z
      .record(z.string().regex(/^[a-z0-9.-]+$/, "who is granted buckets, such as prefect.lake"), key)
      .default({})
      .describe("A key of its own for one grant, by `<service>.<need>`; the others have `credentials`."),
  })
  .describe(
    "An S3 service that exists already: the service object-store then runs none. The buckets must exist.",
  );

export const external = z
  .strictObject({ database: database.optional(), bucket: bucket.optional() })
  .describe("What is there already, used instead of a server of the stack's own.");
