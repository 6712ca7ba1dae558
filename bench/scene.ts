/** What the simulator's process and the measuring one agree on. */
export const ADDRESS = 'ada@example.com';
/** The middle of what is generated. */
export const NOW = Date.parse('2026-03-02T08:00:00Z');
export const DAY_MS = 86_400_000;
