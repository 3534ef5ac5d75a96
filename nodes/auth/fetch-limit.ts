/** Limit of one fetch that many callers wait for. */
export const fetchLimitMs = 5_000
