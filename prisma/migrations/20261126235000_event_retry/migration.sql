-- An event that Graph fails on, while it serves others, is tried again after growing pauses.
ALTER TABLE "EventBase" ADD COLUMN     "failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "retryAt" TIMESTAMPTZ(3);
