/** Importance of a caller or of work: 0 is the most important (VIP), 9 the least. Smaller goes first. */
export type Priority = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

/** Number of classes. */
export const priorities = 10
const zeros: readonly number[] = Array.from({ length: priorities }, () => 0)

/** A zero for each class, to count by. */
export const zeroPerClass = (): number[] => zeros.slice()

/** Of a known caller whose plan says nothing. */
export const defaultPriority: Priority = 5
/** Of a caller nobody knows. */
export const lowestPriority: Priority = 9

/** Whether it is a whole number from 0 to 9. */
export function isPriority(value: unknown): value is Priority {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < priorities
}
