import { z } from "zod";

/** `datalab:platform.external`: an existing PostgreSQL server and S3 service, used instead of our own. */

const secretName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'the name of a secret such as "s3-key"')
  .meta({ examples: ["s3-key"] });
const prefix = (what: string) =>
  z
    .string()
    .regex(/^(?:[a-z][a-z0-9-]{0,39})?$/, 'at most 40 lower case letters, digits and -, such as "lab-"')
    .default("")
    .describe(`Prefix of the names of ${what}.`);

const database = z
  .strictObject({
    host: z
      .string()
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a host such as "db.example.com"')
      .describe("Host name of the server, as seen from the stack's network."),
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
          .describe("A role that may create databases and roles; it need not be a superuser."),
        secret: secretName.describe("Secret with its password: `datalab secrets set NAME` stores it."),
      })
      .optional()
      .describe(
        "Role that creates a database and a role for each need at every up; if omitted, they must exist, with the passwords `datalab:secret-database-<name>`.",
      ),
  })
  .describe("An existing PostgreSQL server; the service postgres then runs none.");

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
      .describe("URL of the S3 API; buckets are addressed in the path."),
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, 'a region such as "eu-central-1"')
      .default("us-east-1")
      .describe("Region for which requests are signed."),
    prefix: prefix("buckets"),
    credentials: key
      .optional()
      .describe(
        "Key that opens the buckets; if omitted, workloads use the identity that their environment gives them.",
      ),
    keys: z
      .record(z.string().regex(/^[a-z0-9.-]+$/, "a grant such as prefect.lake"), key)
      .default({})
      .describe("Separate keys for single grants, by `<service>.<need>`; all others use `credentials`."),
  })
  .describe("An existing S3 service; the service object-store then runs none. The buckets must exist.");

export const external = z
  .strictObject({ database: database.optional(), bucket: bucket.optional() })
  .describe("Existing servers that are used instead of the stack's own.");
