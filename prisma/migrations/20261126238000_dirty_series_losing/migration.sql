-- A date of the series left the view: only then is one that is not found believed to be at its end at once.
ALTER TABLE "DirtySeries" ADD COLUMN     "isLosing" BOOLEAN NOT NULL DEFAULT false;
