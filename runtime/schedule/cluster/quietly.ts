/** Does something that is tried again by itself: when it fails, that is noted and nothing more. */
export type Quietly = (act: () => Promise<unknown>) => Promise<void>

export function createQuietly(note: (error: unknown) => void): Quietly {
  return async (act) => {
    try {
      await act()
    } catch (error) {
      note(error)
    }
  }
}
