export const counties: readonly string[]
