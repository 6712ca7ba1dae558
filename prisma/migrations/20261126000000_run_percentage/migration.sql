-- AlterTable
ALTER TABLE "CalendarSyncState" ADD COLUMN     "percentage" INTEGER NOT NULL DEFAULT 0;
