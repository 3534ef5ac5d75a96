/** Days that a schedule of a key may say at most: ten years until a version is replaced, a hundred that it goes on. */
export const keyScheduleLimits = { rotateEveryDays: 3650, keepOldDays: 36_500 } as const
