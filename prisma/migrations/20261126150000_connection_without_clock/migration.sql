-- Nobody wrote it: the offset is taken from the answers of the run that needs it.
-- AlterTable
ALTER TABLE "CalendarConnection" DROP COLUMN "clockOffsetMs";
