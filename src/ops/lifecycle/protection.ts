import { loadEnvironment } from "../../config/load.ts";
import { services } from "../../services/index.ts";

/** Whether a stack is taken down, or gives data up, only when somebody types its name. */
export const isProtected = (stack: string, config: { readonly protect?: boolean | undefined }): boolean =>
  config.protect ?? stack === "prod";

export const stackIsProtected = (project: string, stack: string): boolean =>
  isProtected(stack, loadEnvironment(project, stack, services).config);
