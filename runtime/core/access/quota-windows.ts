import { type CalendarUnit, calendarUnits } from './calendar-window.ts'

/** What a quota counts by. `total`: in all, the window that never ends. */
export const quotaUnits = [...calendarUnits, 'total'] as const
export type QuotaUnit = CalendarUnit | 'total'

/** How the windows of a quota follow each other. */
export const quotaAlgorithms = ['fixed', 'calendar', 'rolling', 'flexi'] as const
export type QuotaAlgorithm = (typeof quotaAlgorithms)[number]
