/** The time of an id that sorts as it was made: `20260131-120000` of an ISO 8601 time in UTC. */
export const timeId = (at: string): string => at.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
