import { services } from "../../../src/services/index.ts";

/** `services` of a stack's configuration with which it has these services alone. */
export const onlyServices = (...wanted: readonly string[]) =>
  Object.fromEntries(
    services.filter(({ name }) => !wanted.includes(name)).map(({ name }) => [name, { enabled: false }]),
  );
