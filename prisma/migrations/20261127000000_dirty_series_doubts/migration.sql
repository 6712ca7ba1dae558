-- Graph told of the event's end and showed it all the same: one of its servers is behind, and the next run asks again.
ALTER TABLE "DirtySeries" ADD COLUMN     "isToldGone" BOOLEAN NOT NULL DEFAULT false;
-- How often it was read in another state than the one that was told of.
ALTER TABLE "DirtySeries" ADD COLUMN     "doubts" INTEGER NOT NULL DEFAULT 0;
