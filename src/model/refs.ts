/**
 * References to values that exist only at deploy time. The model contains them; a target turns them into a
 * mounted file, a secretKeyRef or a Pulumi output. Nothing here ever holds a secret's value.
 */
export type Ref =
  /** A generated secret, by id `<service>/<name>`. */
  | { readonly ref: "secret"; readonly id: string }
  /**
   * Address of a workload's endpoint inside the stack's network; `every`: the name with an address per
   * replica.
   */
  | {
      readonly ref: "address";
      readonly workload: string;
      readonly endpoint: string;
      readonly part: "host" | "port" | "url" | "every";
    }
  /** Public URL of an endpoint, or its `host:port`; empty if it is not published. */
  | {
      readonly ref: "publicUrl";
      readonly workload: string;
      readonly endpoint: string;
      readonly part?: "host";
    }
  /** The target's name of an image, by the image's logical name. */
  | { readonly ref: "image"; readonly name: string }
  /** Address of an external provider: see ExternalModel. */
  | {
      readonly ref: "outside";
      readonly capability: "database" | "bucket";
      readonly part: "host" | "port" | "url";
    }
  /** An external secret: an encrypted value of the stack's configuration, `datalab:secret-<name>`. */
  | { readonly ref: "external"; readonly name: string; readonly fits?: Alphabet };

/** An external secret, such as the address of a webhook; `datalab secrets set NAME` stores it. */
export const external = (name: string, fits?: Alphabet): Ref => ({
  ref: "external",
  name,
  ...(fits && { fits }),
});

/** The allowed characters of an external secret that is inserted into other text without escaping. */
export type Alphabet = "url" | "text";
export const alphabets: Readonly<Record<Alphabet, { readonly pattern: RegExp; readonly words: string }>> = {
  url: { pattern: /^[A-Za-z0-9._~-]+$/, words: "letters, digits and -._~" },
  text: { pattern: /^[A-Za-z0-9._~+/=-]+$/, words: "letters, digits and -._~+/=" },
};
/** Its key in the configuration, under `datalab:`. */
export const externalKey = (name: string): string => `secret-${name}`;

/** A string with references in it: plain data, resolved by a target. */
export interface Template {
  readonly parts: readonly (string | Ref)[];
}

export type Text = string | Ref | Template;

const kinds: ReadonlySet<unknown> = new Set<Ref["ref"]>([
  "secret",
  "address",
  "publicUrl",
  "image",
  "outside",
  "external",
]);

export function isRef(value: unknown): value is Ref {
  if (typeof value !== "object" || value === null) return false;
  return kinds.has((value as { ref?: unknown }).ref);
}

export function isTemplate(value: unknown): value is Template {
  return typeof value === "object" && value !== null && Array.isArray((value as Template).parts);
}

/** Normalises any text to a template whose neighbouring strings are joined. */
export function template(...texts: readonly (Text | number)[]): Template {
  const parts: (string | Ref)[] = [];
  const add = (part: string | Ref) => {
    const last = parts.length - 1;
    if (typeof part === "string" && typeof parts[last] === "string") parts[last] += part;
    else if (part !== "") parts.push(part);
  };
  for (const text of texts) {
    if (typeof text === "number") add(String(text));
    else if (isTemplate(text)) text.parts.forEach(add);
    else add(text);
  }
  return { parts };
}

/** Template literal tag: t`postgresql://${db.user}:${db.password}@${db.host}/${db.name}`. */
export function t(strings: TemplateStringsArray, ...values: readonly (Text | number)[]): Template {
  return template(...strings.flatMap((s, i) => (i < values.length ? [s, values[i] as Text | number] : [s])));
}

/**
 * JSON with references inside. A reference may only replace a string; its value is inserted without further
 * escaping, which is safe for the possible values: addresses, and secrets in the base64url alphabet.
 */
export function json(value: unknown): Template {
  const refs: Ref[] = [];
  const write = (mark: (ref: Ref) => string) =>
    JSON.stringify(
      value,
      (_key, v: unknown) => {
        if (isRef(v)) return mark(v);
        if (isTemplate(v)) return v.parts.map((p) => (typeof p === "string" ? p : mark(p))).join("");
        return v;
      },
      2,
    );
  // Markers replace the references; no other text contains their first character.
  const plain = write(() => "");
  let sign = "ref";
  while (plain.includes(sign)) sign += "-";
  const pieces = write((ref) => `<${sign}:${refs.push(ref) - 1}>`).split(new RegExp(`<${sign}:(\\d+)>`));
  return template(...pieces.map((piece, i) => (i % 2 === 0 ? piece : (refs[Number(piece)] as Ref))));
}

/** Every reference of a text. */
export function refsOf(text: Text): readonly Ref[] {
  return template(text).parts.filter(isRef);
}

/** Whether a text contains the value of a secret. */
export function isSecret(text: Text): boolean {
  return refsOf(text).some((ref) => ref.ref === "secret" || ref.ref === "external");
}

/** The text with each reference replaced by `answer`. */
export function render(text: Text, answer: (ref: Ref) => string): string {
  return template(text)
    .parts.map((part) => (typeof part === "string" ? part : answer(part)))
    .join("");
}
